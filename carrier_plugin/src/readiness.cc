#include "readiness.h"

#include <utility>

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kRetry = 2 * kSecond;
constexpr std::uint64_t kRefused = 60 * kSecond;  // without another error of the server

}  // namespace

void Readiness::report() {
  const std::uint64_t now = host_.monotonic_ns();
  problems_.set("no connection", connection_.is_connected() ? "" : connection_.problem());
  // The server reports a missing permission once for each message, and drops the message.
  if (const std::string error = connection_.take_error(); !error.empty()) {
    problems_.set("the server refuses", "the server " + connection_.last_url() + " reports: " + error);
    refused_until_ns_ = now + kRefused;
  } else if (now >= refused_until_ns_) {
    problems_.set("the server refuses", "");
  }
}

bool Readiness::tend() {
  report();
  if (!connection_.is_connected()) return false;
  const std::uint64_t generation = connection_.generation();
  const bool is_new = generation != std::exchange(generation_, generation);
  if (is_new) {
    has_streams_ = false;
    next_streams_ns_ = 0;
    epoch_.reset();
    host_.log(PAXECT_LOG_INFO, "connected to " + connection_.server_url());
  }
  const std::uint64_t now = host_.monotonic_ns();
  if (has_streams_ || now < next_streams_ns_) return is_new;
  next_streams_ns_ = now + kRetry;
  const Status status = ensure_();
  has_streams_ = status.ok();
  problems_.set("the streams cannot be used",
                status.ok() ? "" : status.message() + " at " + connection_.last_url());
  return is_new;
}

}  // namespace paxect::carrier
