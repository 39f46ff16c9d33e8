// Whether a sender or a receiver can work with the server: connected, and the streams exist. Reports what is
// in the way. Instance thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "connection.h"
#include "epoch.h"
#include "host.h"
#include "problems.h"
#include "refusals.h"
#include "status.h"

namespace paxect::carrier {

class Readiness {
 public:
  // `ensure` makes the streams and consumers that are missing, and `renew` removes the stream of the epoch;
  // both may block for some seconds.
  Readiness(const Host& host, Connection* connection, Epoch* epoch, Problems* problems, Refusals* refusals,
            std::function<Status()> ensure, std::function<Status()> renew)
      : host_(host),
        connection_(*connection),
        epoch_(*epoch),
        problems_(*problems),
        refusals_(*refusals),
        ensure_(std::move(ensure)),
        renew_(std::move(renew)) {}

  // To be called in each step. True when the connection is a new one: nothing that was outstanding has a
  // reply. `is_working`: this instance needs the streams now, and may replace that of the epoch.
  bool tend(bool is_working);
  bool is_ready() const { return has_streams_ && connection_.is_connected(); }
  // The streams could not be used at the last attempt.
  bool has_failed() const { return has_failed_; }
  // A stream or consumer was found missing.
  void lose_streams() { has_streams_ = false; }
  std::uint64_t generation() const { return generation_; }

 private:
  void report();
  void report_refusals(std::uint64_t now);
  void take_refusal(const std::string& error, std::uint64_t now);
  void end_refusal();
  void tend_refused_subscription(std::uint64_t now);
  void tend_epoch(bool is_working);
  void end_deaf_connection();
  void leave_unavailable(const Status& status, std::uint64_t now);

  const Host& host_;
  Connection& connection_;
  Epoch& epoch_;
  Problems& problems_;
  Refusals& refusals_;
  std::function<Status()> ensure_;
  std::function<Status()> renew_;
  std::uint64_t generation_ = 0;
  std::uint64_t next_streams_ns_ = 0;
  std::uint64_t refused_until_ns_ = 0;
  std::string refused_;  // the kind of the subject of the message; "" for nothing, or an unknown one
  std::string refused_subscription_;  // what the server said of it on this connection; "" for nothing
  std::uint64_t refused_subscription_ns_ = 0;
  std::uint64_t subscribed_again_ns_ = 0;   // 0: not since it was refused
  int unanswered_ = 0;                      // attempts to ensure the streams on this connection
  std::uint64_t unavailable_since_ns_ = 0;  // 0: not
  bool has_reconnected_ = false;            // for the stream of the epoch
  bool has_streams_ = false;
  bool has_failed_ = false;
};

}  // namespace paxect::carrier
