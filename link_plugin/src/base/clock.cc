#include "base/clock.h"

#include <array>
#include <ctime>
#include <fstream>

namespace paxect::link {
namespace {

std::tm utc(std::int64_t realtime_ns) {
  std::int64_t seconds = realtime_ns / static_cast<std::int64_t>(kSecond);
  if (realtime_ns % static_cast<std::int64_t>(kSecond) < 0) --seconds;
  auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

}  // namespace

std::uint64_t thread_cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * kSecond + static_cast<std::uint64_t>(used.tv_nsec);
}

std::string utc_text(std::int64_t realtime_ns) {
  std::tm parts = utc(realtime_ns);
  std::array<char, 64> buffer{};
  std::size_t size = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {buffer.data(), size};
}

std::string utc_stamp(std::int64_t realtime_ns) {
  std::tm parts = utc(realtime_ns);
  std::array<char, 64> buffer{};
  std::size_t size = std::strftime(buffer.data(), buffer.size(), "%Y%m%dT%H%M%SZ", &parts);
  return {buffer.data(), size};
}

std::string seconds_text(std::uint64_t nanoseconds) {
  std::string milliseconds = std::to_string(nanoseconds % kSecond / kMillisecond);
  return std::to_string(nanoseconds / kSecond) + "." + std::string(3 - milliseconds.size(), '0') +
         milliseconds;
}

std::string boot_id() {
  std::string text;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
  return text;
}

}  // namespace paxect::link
