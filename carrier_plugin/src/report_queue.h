// The reports of a receiver to the senders of what it could not deliver. Each is published until the server
// stores it, and nothing waits for that. The sender gets each try, also one that the stream refuses.
// Instance thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "exchange.h"
#include "host.h"
#include "messages.h"
#include "names.h"
#include "refusals.h"

namespace paxect::carrier {

class ReportQueue {
 public:
  // `lose_streams` is called when nobody stores the subject.
  ReportQueue(const Host& host, Exchange* exchange, const Names& names, Refusals* refusals,
              std::function<void()> lose_streams)
      : host_(host),
        exchange_(*exchange),
        names_(names),
        refusals_(*refusals),
        lose_streams_(std::move(lose_streams)) {}

  // Replaces an earlier one about the same ID. Of more than kMax the oldest one is dropped.
  void add(const Report& report);
  // What it says is not true any more.
  void drop(const std::string& id);
  // The connection is a new one.
  void retry();
  // Publishes the next one, if it is time to. Returns when to call again.
  std::uint64_t tend();
  // Whether one was not tried yet, or waits for the reply to its first try.
  bool has_new() const;

 private:
  static constexpr std::size_t kMax = 10'000;
  struct Open {
    Report report;
    std::uint64_t number = 0;
    bool is_tried = false;
  };
  void on_reply(std::uint64_t number, const std::string& subject, const Message* reply);

  const Host& host_;
  Exchange& exchange_;
  const Names& names_;
  Refusals& refusals_;
  std::function<void()> lose_streams_;
  std::deque<Open> open_;       // the next one first
  std::uint64_t numbers_ = 0;   // the last one that was given
  std::uint64_t sent_ = 0;      // the number of the one that has no reply yet; 0: none
  std::uint64_t next_ns_ = 0;   // after one that was not stored
  std::uint64_t pause_ns_ = 0;  // since the last one that was stored
};

}  // namespace paxect::carrier
