// What the threads of the library leave for the instance thread: messages, and the last error. It outlives
// the connection: the library calls back after a connection is closed, until it is closed itself.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "status.h"
#include "unique_fd.h"

namespace paxect::carrier {

struct FreeMessage {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};

class Message {
 public:
  explicit Message(natsMsg* message) : message_(message) {}

  std::string_view subject() const { return text(natsMsg_GetSubject(message_.get())); }
  std::string_view reply() const { return text(natsMsg_GetReply(message_.get())); }
  std::string_view data() const;
  // The status of a reply without contents: 404, 408, 409, 503; 0 for a message.
  int status() const;
  std::string_view header(const char* name) const;
  // Of a message that a direct get returned; 0 when it has none.
  std::uint64_t sequence() const;
  // The number of the request that this is a reply to; 0: it came by a subscription.
  std::uint64_t request = 0;

 private:
  static std::string_view text(const char* words) { return words == nullptr ? "" : words; }

  std::unique_ptr<natsMsg, FreeMessage> message_;
};

class Mailbox {
 public:
  // The eventfd, and the subject of replies.
  Status open();
  // Replies have the subject inbox() + NUMBER.
  const std::string& inbox() const { return inbox_; }
  int fd() const { return event_.get(); }

  // Instance thread.
  std::unique_ptr<Message> next();  // null when there is none
  void wait(int milliseconds);      // for a message or an event; not longer than this
  void clear();
  std::string take_error();

  // Callbacks of the library; the closure is the mailbox.
  static void on_message(natsConnection* connection, natsSubscription* subscription, natsMsg* message,
                         void* closure);
  static void on_event(natsConnection* connection, void* closure);
  static void on_error(natsConnection* connection, natsSubscription* subscription, natsStatus error,
                       void* closure);

 private:
  void push(natsMsg* message);
  void wake();

  UniqueFd event_;
  std::string inbox_;
  std::mutex mutex_;  // of what follows
  std::deque<std::unique_ptr<Message>> queue_;
  std::string error_;
};

}  // namespace paxect::carrier
