// Requests over a connection, each with a function that gets its reply. Instance thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connection.h"

namespace paxect::carrier {

class Exchange {
 public:
  // Gets the reply, or null: none came in time, or the connection was lost. Not called from within send().
  using Handler = std::function<void(const Message* reply)>;
  // Gets what is no reply to a request of send(), late ones among it.
  using Other = std::function<void(std::unique_ptr<Message>)>;

  Exchange(const Host& host, Connection* connection, Other other)
      : host_(host), connection_(*connection), other_(std::move(other)) {}

  // False when it cannot be sent; the handler is not called then.
  bool send(const std::string& subject, std::string_view data, std::uint64_t timeout_ns, Handler handler);
  // A request whose reply does not matter.
  void post(const std::string& subject, std::string_view data) { connection_.request(subject, data); }

  // Calls the handlers of what has arrived, of what is late, and of everything when the connection was lost.
  // Returns when something may be late next.
  std::uint64_t dispatch();
  // Dispatches until the condition holds. False when a stop was requested, the time is over, or `pulse`,
  // which is called in between, returns false.
  bool await(const std::function<bool()>& condition, std::uint64_t timeout_ns,
             const std::function<bool()>& pulse);
  // Sends a request and waits for its reply, which the handler gets at most once and never after the return.
  // False without one.
  bool ask(const std::string& subject, std::string_view data, std::uint64_t timeout_ns,
           const std::function<bool()>& pulse, const std::function<void(const Message&)>& handler);
  // Sends several requests together and waits for all replies; each has a place of its own in `handler`'s
  // index. What has no reply in time has none.
  struct Request {
    std::string subject;
    std::string data;
  };
  void ask_all(const std::vector<Request>& requests, std::uint64_t timeout_ns,
               const std::function<bool()>& pulse,
               const std::function<void(std::size_t index, const Message&)>& handler);
  std::size_t outstanding() const { return pending_.size(); }
  // Whether a request to JetStream got no reply in time since the last call. That is how a stream that
  // somebody removed shows: the server answers for other subjects that nobody listens, and for its own with
  // silence.
  bool take_silence() { return std::exchange(is_silent_, false); }

 private:
  struct Pending {
    Handler handler;
    std::uint64_t deadline_ns;
    bool is_to_jetstream;
  };

  const Host& host_;
  Connection& connection_;
  Other other_;
  std::map<std::uint64_t, Pending> pending_;
  // No deadline of pending_ is earlier: what has its reply in time costs no look at the others.
  std::uint64_t earliest_ns_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t generation_ = 0;
  bool is_silent_ = false;
};

}  // namespace paxect::carrier
