// How many bytes may be on their way over a line whose speed nobody knows.
//
// It grows while replies come soon, and shrinks when they come late or not at all: a fixed window of 8 MiB on
// a line of 100 kB/s takes longer than any time limit of the server, which then closes the connection, and
// nothing ever passes. It outlives connections and files, since the line stays the same.
#pragma once

#include <algorithm>
#include <cstdint>

namespace paxect::carrier {

class Window {
 public:
  // `patience_ns` is how long a reply is waited for at first.
  explicit Window(std::uint64_t patience_ns) : min_patience_ns_(patience_ns), patience_ns_(patience_ns) {}

  // One request is always allowed, however large.
  bool has_room(std::uint64_t in_flight, std::uint64_t bytes) const {
    return in_flight == 0 || in_flight + bytes <= size_;
  }
  std::uint64_t size() const { return size_; }
  std::uint64_t patience_ns() const { return patience_ns_; }
  // To be kept with a request: replies that stay away together shrink the window once.
  std::uint64_t round() const { return round_; }

  void on_reply(std::uint64_t bytes, std::uint64_t elapsed_ns, std::uint64_t round) {
    patience_ns_ = std::clamp(std::max(4 * elapsed_ns, patience_ns_ / 4 * 3), min_patience_ns_, kMaxPatience);
    if (elapsed_ns <= kSoon) size_ = std::min(size_ + bytes, kMax);
    if (elapsed_ns > kLate) shrink(round);
  }
  void on_silence(std::uint64_t round) {
    if (round == round_) patience_ns_ = std::min(2 * patience_ns_, kMaxPatience);
    shrink(round);
  }

 private:
  static constexpr std::uint64_t kMax = 8 * 1024 * 1024;
  static constexpr std::uint64_t kFirst = 2 * 1024 * 1024;
  static constexpr std::uint64_t kMin = 512 * 1024;
  static constexpr std::uint64_t kSoon = 2'000'000'000;
  static constexpr std::uint64_t kLate = 4'000'000'000;
  static constexpr std::uint64_t kMaxPatience = 60'000'000'000;

  void shrink(std::uint64_t round) {
    if (round != round_) return;
    ++round_;
    size_ = std::max(size_ / 2, kMin);
  }

  std::uint64_t min_patience_ns_;
  std::uint64_t patience_ns_;
  std::uint64_t size_ = kFirst;
  std::uint64_t round_ = 0;
};

}  // namespace paxect::carrier
