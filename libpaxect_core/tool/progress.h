// How far the work is, on stderr: one line that is drawn over and over on a terminal, and erased before
// anything else is written there. No escape sequences and no colour, so that it works on any terminal.
// Main thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace paxect::tool {

enum class ProgressWhen {
  kNever,
  kOnTerminal,  // if stderr is one, and once the work has lasted half a second
  kAlways,      // from the start; where stderr is no terminal, as a line now and then
};

class Progress {
 public:
  // What to count: what goes into the work, or what comes out of it.
  enum class Measure { kInput, kOutput };

  // `total` is what it will come to, in bytes; 0: not known.
  Progress(ProgressWhen when, std::string label, std::uint64_t total, Measure measure = Measure::kInput);
  ~Progress() { erase(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A paxect_progress callback, whose opaque is the Progress; stops the work once a signal has come.
  static std::int32_t callback(void* self, std::uint64_t bytes_in, std::uint64_t bytes_out);
  void erase();
  // Since the beginning.
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
  std::size_t drawn_ = 0;   // columns that the line takes now
};

// "LABEL [####----] 50 %  12.3 MiB/s  0:12 left", without the bar and the end when the total is not known,
// cut to `columns`. `seconds` is how long it took so far.
std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, double seconds,
                          std::size_t columns);

}  // namespace paxect::tool
