// What a command prints: text for people, or one JSON object on a line for programs.
#pragma once

#include <checked_json.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/host.h"

namespace paxect::link {

// Standard output by way of the host. After a write that failed the rest is dropped: the host reports it.
class Console {
 public:
  // Keeps a copy of `host`, which has output: only a command prints.
  explicit Console(const Host& host) : host_(host) {}

  void print(std::string_view text);
  void line(std::string_view text) { print(std::string(text) + "\n"); }
  // "name      value", the values of a table below each other.
  void row(std::string_view name, std::string_view value);

 private:
  const Host host_;
  bool failed_ = false;
};

// A name for the terminal: what is no UTF-8, and control characters, as \xHH.
std::string shown(std::string_view bytes);
// "4.0 KiB", "2 h 5 min": three digits are enough for people.
std::string size_text(std::uint64_t bytes);
std::string rate_text(double per_second, std::string_view what);
std::string duration_text(std::uint64_t seconds);
// "1 file", "2 files".
std::string count_text(std::uint64_t count, std::string_view what);

// One JSON object; printed, as a line, by finish(). Strings become UTF-8 as in the audit log.
class JsonLine {
 public:
  JsonLine() : writer_(buffer_) { writer_.StartObject(); }
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;

  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, std::uint64_t value);
  void add(std::string_view key, std::int64_t value);
  void add(std::string_view key, unsigned value) { add(key, std::uint64_t{value}); }
  void add(std::string_view key, bool value);
  void add(std::string_view key, double value);
  void add_null(std::string_view key);
  void begin_object(std::string_view key);
  void end_object() { writer_.EndObject(); }
  void begin_array(std::string_view key);
  void begin_element() { writer_.StartObject(); }
  void add_element(std::string_view value);
  void end_array() { writer_.EndArray(); }

  void finish(Console* console);

 private:
  void key(std::string_view key);

  json::StringBuffer buffer_;
  json::Writer writer_;
};

}  // namespace paxect::link
