// The values of settings, each checked, with one fault a key.
#pragma once

#include <paxect/core.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/host.h"

namespace paxect::link {

// A command line in words: blanks separate, '...' and "..." hold together, a backslash takes the next
// character literally (not inside '...'). Nothing else is special: no shell ever sees it. False when a quote
// stays open.
bool split_command(std::string_view line, std::vector<std::string>* words);

// The one of `known` that takes the fewest edits to reach, "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// Reads keys one after another; remembers the first fault of each.
class SettingReader {
 public:
  explicit SettingReader(const Host& host) : host_(host) {}

  const std::vector<std::string>& faults() const { return faults_; }
  bool failed() const { return !faults_.empty(); }

  void fail(const std::string& key, const std::string& value, const std::string& expected) {
    if (faulty_keys_.insert(key).second) faults_.push_back(message(key.c_str(), value, expected));
  }

  void fail_unknown(const std::string& key, const std::vector<std::string>& known) {
    const std::string near = nearest(key, known);
    faults_.push_back("unknown key '" + key + "' (" + host_.describe(key.c_str()) + ")" +
                      (near.empty() ? "" : ": did you mean '" + near + "'?"));
  }

  std::string message(const char* key, const std::string& value, const std::string& expected) const {
    return std::string(key) + " = '" + value + "' (" + host_.describe(key) + "): " + expected;
  }

  std::string text(const char* key, const std::string& standard) {
    const char* value = host_.get(key, nullptr);
    return value == nullptr ? standard : value;
  }

  std::string path(const char* key, const std::string& standard) {
    std::string value = text(key, standard);
    if (value.empty()) fail(key, value, "an empty path: give one, or leave the key out");
    boost::filesystem::path path = value;
    if (path.is_relative()) {
      boost::system::error_code error;
      path = boost::filesystem::current_path(error) / path;
      // Once: it would be the same fault of every relative path.
      if (error && !std::exchange(no_working_directory_, true))
        fail(key, value, "the working directory does not exist: give an absolute path");
    }
    std::string result = path.lexically_normal().string();
    while (result.size() > 1 && result.ends_with("/.")) result.resize(result.size() - 2);
    while (result.size() > 1 && result.ends_with('/')) result.pop_back();
    return result;
  }

  std::uint64_t number(const char* key, std::uint64_t standard, std::uint64_t minimum,
                       std::uint64_t maximum) {
    std::string value = text(key, std::to_string(standard));
    std::uint64_t result = 0;
    auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (status != std::errc() || end != value.data() + value.size() || result < minimum || result > maximum)
      fail(key, value,
           "not a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    return result;
  }

  // A parameter of the encoder, of which only some values may be allowed here.
  std::int64_t parameter(const char* key, paxect_parameter parameter, std::int64_t minimum,
                         std::int64_t maximum) {
    std::int64_t lowest = 0;
    std::int64_t highest = 0;
    std::int64_t result = 0;
    paxect_parameter_bounds(parameter, &lowest, &highest, &result);
    minimum = std::max(minimum, lowest);
    maximum = std::min(maximum, highest);
    std::string value = text(key, std::to_string(result));
    auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (status != std::errc() || end != value.data() + value.size() || result < minimum || result > maximum)
      fail(key, value,
           "not a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    return result;
  }

  // Seconds with a fraction, as nanoseconds.
  std::uint64_t seconds(const char* key, const char* standard, double minimum) {
    constexpr double kMaximum = 86400.0 * 365;
    std::string value = text(key, standard);
    double result = 0;
    auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), result);
    bool whole = status == std::errc() && end == value.data() + value.size();
    if (!whole || !std::isfinite(result) || result < minimum || result > kMaximum) {
      fail(key, value, "not a number of seconds, 0 or more, such as 2.0");
      return kSecond;
    }
    return static_cast<std::uint64_t>(result * static_cast<double>(kSecond));
  }

  bool boolean(const char* key, bool standard) {
    std::string value = text(key, standard ? "true" : "false");
    for (const char* yes : {"true", "yes", "on", "1"})
      if (value == yes) return true;
    for (const char* no : {"false", "no", "off", "0"})
      if (value == no) return false;
    fail(key, value, "not true or false");
    return standard;
  }

  std::size_t choice(const char* key, const std::vector<std::string>& choices) {
    std::string value = text(key, choices.front());
    auto found = std::find(choices.begin(), choices.end(), value);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    std::string list;
    for (const std::string& name : choices) list += (list.empty() ? "" : ", ") + name;
    std::string near = nearest(value, choices);
    fail(key, value, "not one of " + list + (near.empty() ? "" : ": did you mean '" + near + "'?"));
    return 0;
  }

 private:
  const Host& host_;
  std::vector<std::string> faults_;
  std::set<std::string> faulty_keys_;
  bool no_working_directory_ = false;
};

}  // namespace paxect::link
