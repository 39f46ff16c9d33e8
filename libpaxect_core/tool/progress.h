// Progress on stderr: one line that is redrawn on a terminal and erased before anything else is written
// there. Uses no escape sequences and no colour, so that it works on any terminal. Main thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace paxect::tool {

enum class ProgressWhen {
  kNever,
  kOnTerminal,  // when stderr is one, after half a second
  kAlways,      // from the start; when stderr is not a terminal, as one line a second
};

class Progress {
 public:
  // Whether to count the bytes read or the bytes written.
  enum class Measure { kInput, kOutput };

  // `total` is the expected number of bytes; 0: unknown.
  Progress(ProgressWhen when, const std::string& label, std::uint64_t total,
           Measure measure = Measure::kInput);
  ~Progress() { erase(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A paxect_progress callback, whose opaque is the Progress; stops the job after a signal.
  static std::int32_t callback(void* self, std::uint64_t bytes_in, std::uint64_t bytes_out);
  void erase();
  // Since construction.
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;

  void update(std::uint64_t done);

  std::string label_;
  std::uint64_t total_;
  Measure measure_;
  bool shown_;
  bool terminal_;
  Clock::time_point begin_;
  Clock::time_point next_;  // when to draw again
  std::size_t drawn_ = 0;   // columns that the line occupies
};

// "LABEL [####----] 50 %  12.3 MiB/s  0:12 left", without the bar and the time left when the total is
// unknown, truncated to `columns`. `seconds` is the elapsed time.
std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, double seconds,
                          std::size_t columns);

}  // namespace paxect::tool
