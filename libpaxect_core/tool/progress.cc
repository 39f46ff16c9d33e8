#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

#include "command.h"
#include "printable.h"
#include "signals.h"

namespace paxect::tool {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kPatience{500};
constexpr milliseconds kRedraw{100};
constexpr milliseconds kLogged{1000};

constexpr std::size_t kBarWidth = 20;
constexpr std::size_t kUsualColumns = 80;

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

// Does not wait for a slow terminal: that progress line is lost.
void put(const std::string& text) {
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
}

std::string rate_text(double bytes_per_second) {
  static constexpr std::array<const char*, 4> kUnits = {"B/s", "KiB/s", "MiB/s", "GiB/s"};
  std::size_t unit = 0;
  for (; bytes_per_second >= 1000 && unit + 1 < kUnits.size(); ++unit) bytes_per_second /= 1024;
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", bytes_per_second, kUnits[unit]);
  return text.data();
}

// The end of a long name, which usually distinguishes files. UTF-8 characters are not split.
std::string shortened(const std::string& name, std::size_t room) {
  static constexpr const char* kDots = "...";
  if (name.size() <= room) return name;
  if (room < 4) return {};
  std::size_t from = name.size() - (room - 3);
  while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xc0) == 0x80) ++from;
  return kDots + name.substr(from);
}

std::string time_text(double seconds) {
  auto whole = static_cast<std::uint64_t>(std::min(seconds + 0.5, 1e9));
  std::array<char, 40> text;
  if (whole < 3600)
    std::snprintf(text.data(), text.size(), "%" PRIu64 ":%02" PRIu64, whole / 60, whole % 60);
  else
    std::snprintf(text.data(), text.size(), "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, whole / 3600,
                  whole / 60 % 60, whole % 60);
  return text.data();
}

}  // namespace

std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, double seconds,
                          std::size_t columns) {
  double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line;
  if (total != 0) {
    double part = std::min(static_cast<double>(done) / static_cast<double>(total), 1.0);
    auto filled = static_cast<std::size_t>(part * kBarWidth);
    line = " [" + std::string(filled, '#') + std::string(kBarWidth - filled, '-') + "] " +
           std::to_string(static_cast<int>(part * 100)) + " %";
  }
  line += "  " + rate_text(rate);
  if (total != 0 && rate > 0)
    line += "  " + time_text(static_cast<double>(total - std::min(done, total)) / rate) + " left";
  std::size_t room = columns - std::min(line.size(), columns);
  line.insert(0, shortened(label, room));
  if (line.size() > columns) line.resize(columns);
  return line;
}

Progress::Progress(ProgressWhen when, const std::string& label, std::uint64_t total, Measure measure)
    : label_(printable(label)),
      total_(total),
      measure_(measure),
      terminal_(isatty(STDERR_FILENO) == 1),
      begin_(Clock::now()),
      next_(begin_) {
  shown_ = when == ProgressWhen::kAlways || (when == ProgressWhen::kOnTerminal && terminal_);
  if (when == ProgressWhen::kOnTerminal) next_ += kPatience;
}

std::int32_t Progress::callback(void* self, std::uint64_t bytes_in, std::uint64_t bytes_out) {
  auto& progress = *static_cast<Progress*>(self);
  if (progress.shown_) progress.update(progress.measure_ == Measure::kInput ? bytes_in : bytes_out);
  return stop_on_signal(nullptr, bytes_in, bytes_out);
}

void Progress::update(std::uint64_t done) {
  Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? kRedraw : kLogged);
  std::size_t columns =
      terminal_ ? terminal_columns() - 1 : kUsualColumns;  // writing to the last column may wrap
  std::string line = progress_line(label_, done, total_, seconds(), columns);
  if (!terminal_) return put(line + '\n');
  std::size_t width = line.size();
  if (width < drawn_) line.append(drawn_ - width, ' ');
  drawn_ = width;
  put('\r' + line);
}

void Progress::erase() {
  if (drawn_ != 0) put('\r' + std::string(drawn_, ' ') + '\r');
  drawn_ = 0;
}

}  // namespace paxect::tool
