// The connection to the servers, and its mailbox: requests with numbers, and a queue of what arrives.
//
// tend() makes the connection and makes it again; it blocks for at most a few seconds. All functions are for
// the instance thread. The library's threads only use the mailbox.
//
// A write that fails ends the connection: it may have sent a part of its lines, and the library drops the
// rest and goes on, so that the server may know nothing of a subscription. So each call writes what it sends
// by itself; the thread of the library that would write later keeps its failures to itself.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host.h"
#include "mailbox.h"
#include "settings.h"
#include "status.h"

namespace paxect::carrier {

class Connection {
 public:
  Connection(const Host& host, const Settings& settings, std::string name);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status open();  // the eventfd
  void close();
  int fd() const { return mailbox_->fd(); }

  // Connects when there is no connection and it is time to. Returns when to call again.
  std::uint64_t tend(std::uint64_t now_ns);
  bool is_connected() const;
  // Ends a connection that does not do its work; tend() makes another one.
  void end(const std::string& problem);
  // Changes with each connection: what was outstanding before has no reply.
  std::uint64_t generation() const { return generation_; }
  std::string server_url() const;
  // The same, also after the connection was lost.
  const std::string& last_url() const { return last_url_; }
  // Whether the settings have more than one.
  bool has_other_server() const { return settings_.servers.size() > 1; }
  // Why there is no connection; "" while there is one.
  std::string problem() const;

  // The next thing that the server or the library has reported, such as a missing permission; "" for nothing.
  std::string take_error() { return mailbox_->take_error(); }
  // Whether a request of the kind of this subject, made after the call, has a reply: the server takes it. See
  // kind_of_subject(); "" for none.
  void watch_kind(const std::string& kind);
  bool is_kind_answered() const { return is_kind_answered_; }
  // How many messages were dropped since the last call, because they came faster than they could be taken.
  std::uint64_t take_dropped() { return mailbox_->take_dropped(); }

  // Subscribes now and after each new connection.
  void subscribe(const std::string& subject);
  // Makes these subscriptions once more, but not that of the replies: one that the server has refused or
  // ended stays so, also when it is permitted again.
  void subscribe_again();
  // False when there is no connection, or the message cannot be written.
  bool publish(const std::string& subject, std::string_view data);
  // 0 like false; otherwise a number that the reply has.
  std::uint64_t request(const std::string& subject, std::string_view data);

  // Of a message, as the server allows it; 0 while there is no connection.
  std::uint64_t max_payload() const;

  // The next message, or null.
  std::unique_ptr<Message> next();
  // Waits for a message or an event; not longer than this.
  void wait(int milliseconds) { mailbox_->wait(milliseconds); }
  // For the management of streams; null without a connection. Its calls block up to 5 s.
  jsCtx* jetstream();

 private:
  Status connect();
  Status set_options(natsOptions* options);
  std::string explain(const std::string& words) const;
  void drop();
  natsStatus subscribe_now(const std::string& subject);
  bool note_write(natsStatus status);
  void note_failed_write();

  const Host& host_;
  const Settings& settings_;
  std::string name_;
  std::string nkey_;  // the public key of the seed
  std::shared_ptr<Mailbox> mailbox_;
  bool holds_library_ = false;

  natsConnection* connection_ = nullptr;
  jsCtx* jetstream_ = nullptr;
  std::vector<natsSubscription*> subscriptions_;
  std::vector<std::string> subjects_;
  std::string last_url_;
  std::uint64_t requests_ = 0;
  std::uint64_t retry_ns_ = 0;
  std::size_t first_server_ = 0;
  std::uint64_t generation_ = 0;

  bool has_failed_write_ = false;  // on this connection
  std::string watched_kind_;
  std::set<std::uint64_t> watched_;  // the last requests of that kind
  bool is_kind_answered_ = false;
  std::string problem_;
};

}  // namespace paxect::carrier
