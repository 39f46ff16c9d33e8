// The connection to the servers, and its mailbox: requests with numbers, and a queue of what arrives.
//
// tend() makes the connection and makes it again; it blocks for at most a few seconds. All functions are for
// the instance thread. The library's threads only put messages into the queue, note events, and write to the
// eventfd.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host.h"
#include "settings.h"
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

class Connection {
 public:
  Connection(const Host& host, const Settings& settings, std::string name);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status open();  // the eventfd
  void close();
  int fd() const { return event_.get(); }

  // Connects when there is no connection and it is time to. Returns when to call again.
  std::uint64_t tend(std::uint64_t now_ns);
  bool is_connected() const;
  // Changes with each connection and reconnection: what was outstanding before has no reply.
  std::uint64_t generation() const { return generation_.load(); }
  std::string server_url() const;
  // Why there is no connection; "" while there is one.
  std::string problem() const;

  // What the server or the library reported since the last call, such as a missing permission; "" for
  // nothing.
  std::string take_error();

  // Subscribes now and after each new connection.
  void subscribe(const std::string& subject);
  // False when there is no connection, or the message cannot be written.
  bool publish(const std::string& subject, std::string_view data);
  // 0 like false; otherwise a number that the reply has.
  std::uint64_t request(const std::string& subject, std::string_view data);

  // The next message, or null.
  std::unique_ptr<Message> next();
  // Waits for a message or an event; not longer than this.
  void wait(int milliseconds);
  // For the management of streams; null without a connection. Its calls block up to 5 s.
  jsCtx* jetstream();

 private:
  Status connect();
  Status set_options(natsOptions* options);
  void drop();
  natsStatus subscribe_now(const std::string& subject);
  static void on_message(natsConnection* connection, natsSubscription* subscription, natsMsg* message,
                         void* closure);
  static void on_reconnected(natsConnection* connection, void* closure);
  static void on_event(natsConnection* connection, void* closure);
  static void on_error(natsConnection* connection, natsSubscription* subscription, natsStatus error,
                       void* closure);
  void push(natsMsg* message);
  void wake();

  const Host& host_;
  const Settings& settings_;
  std::string name_;
  std::string nkey_;  // the public key of the seed
  UniqueFd event_;
  bool holds_library_ = false;

  natsConnection* connection_ = nullptr;
  jsCtx* jetstream_ = nullptr;
  std::vector<natsSubscription*> subscriptions_;
  std::vector<std::string> subjects_;
  std::string inbox_;
  std::uint64_t requests_ = 0;
  std::uint64_t retry_ns_ = 0;
  std::size_t first_server_ = 0;
  std::atomic<std::uint64_t> generation_{0};

  mutable std::mutex mutex_;  // of what follows
  std::deque<std::unique_ptr<Message>> queue_;
  std::string problem_;
  std::string error_;
};

}  // namespace paxect::carrier
