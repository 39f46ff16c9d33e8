// What the threads of the library leave for the instance thread: messages and errors. It outlives
// the connection: the library calls back after a connection is closed, until it is closed itself.
//
// It is bounded, in messages and bytes, and drops what comes beyond: the instance thread may flush a disk for
// minutes while somebody floods a subject. What was requested has a bound of its own, so that a flood does
// not keep it out. A dropped reply runs into its time limit, a dropped job comes again.
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
  // The last value of this name, which is the server's where there is one of the server's.
  std::string_view header(const char* name) const;
  // Of a message that a direct get returned; 0 when it has none, or headers that cannot be read.
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
  // The oldest error that was not taken yet; "" for none. Of more than kMaxErrors the oldest are lost.
  static constexpr std::size_t kMaxErrors = 64;
  std::string take_error();
  // How many messages were dropped since the last call.
  std::uint64_t take_dropped();

  // Callbacks of the library; the closure is the mailbox.
  static void on_message(natsConnection* connection, natsSubscription* subscription, natsMsg* message,
                         void* closure);
  static void on_event(natsConnection* connection, void* closure);
  static void on_error(natsConnection* connection, natsSubscription* subscription, natsStatus error,
                       void* closure);

 private:
  // True when the instance thread has to be woken: it empties the queue each time.
  bool push(natsSubscription* subscription, natsMsg* message);
  void wake();

  struct Kept {
    std::unique_ptr<Message> message;
    std::size_t bytes = 0;
    bool is_requested = false;
  };
  struct Load {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };
  Load& load(bool is_requested) { return is_requested ? requested_ : heard_; }

  UniqueFd event_;
  std::string inbox_;
  std::mutex mutex_;  // of what follows
  std::deque<Kept> queue_;
  Load requested_;  // replies, and what a fetch brings
  Load heard_;      // by other subscriptions
  std::uint64_t dropped_ = 0;
  std::deque<std::string> errors_;
};

}  // namespace paxect::carrier
