// What a section has reported over the last hour and day, for the charts. A fixed amount of memory; it begins
// again with each start.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace paxect::panel {

struct Sample {
  std::int64_t time_s = 0;  // since 1970
  double files_per_second = 0;
  double bytes_per_second = 0;
  double waiting_files = 0;
  double oldest_seconds = 0;
  std::optional<double> latency_seconds{};  // median; nothing while no file was delivered
};

class History {
 public:
  void add(const Sample& sample);
  // {"hour":[[time,files_per_second,bytes_per_second,waiting_files,oldest_seconds,latency_seconds],...],"day":[...]}
  std::string json() const;

 private:
  // Samples of one length: each is the mean of those that fell into it, of ages, latencies and waiting
  // files the highest.
  class Track {
   public:
    Track(std::int64_t step_s, std::size_t size) : step_s_(step_s), size_(size) {}
    void add(const Sample& sample);
    std::string json() const;

   private:
    std::int64_t step_s_;
    std::size_t size_;
    double count_ = 0;  // of what the last sample is the mean of
    std::deque<Sample> samples_{};
  };

  Track hour_{10, 361};
  Track day_{240, 361};
};

}  // namespace paxect::panel
