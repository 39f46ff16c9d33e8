#include "commands/console.h"

#include <array>
#include <cstdio>

#include "base/digest.h"
#include "base/printable.h"

namespace paxect::link {
namespace {

constexpr std::size_t kNameWidth = 16;

std::string with_one_decimal(double value, std::string_view unit) {
  std::array<char, 64> buffer{};
  int size = std::snprintf(buffer.data(), buffer.size(), "%.1f", value);
  return std::string(buffer.data(), static_cast<std::size_t>(size)) + " " + std::string(unit);
}

}  // namespace

void Console::print(std::string_view text) {
  if (!failed_) failed_ = !host_.write(text);
}

void Console::row(std::string_view name, std::string_view value) {
  std::string padding(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' ');
  line(std::string(name) + padding + std::string(value));
}

std::string shown(std::string_view bytes) {
  const std::string safe = printable(bytes);
  std::string text;
  bool in_control = false;  // U+0080 to U+009F: 0xc2 and a byte below 0xa0
  for (std::size_t i = 0; i < safe.size(); ++i) {
    auto byte = static_cast<std::uint8_t>(safe[i]);
    auto next = static_cast<std::uint8_t>(i + 1 < safe.size() ? safe[i + 1] : 0);
    bool begins_control = byte == 0xc2 && next < 0xa0;
    if (byte < 0x20 || byte == 0x7f || begins_control || in_control)
      text += "\\x" + hex(&byte, 1);
    else
      text += safe[i];
    in_control = begins_control;
  }
  return text;
}

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return with_one_decimal(value, kUnits[unit]);
}

std::string rate_text(double per_second, std::string_view what) {
  return with_one_decimal(per_second, std::string(what) + "/s");
}

std::string duration_text(std::uint64_t seconds) {
  auto number = [](std::uint64_t value, const char* unit) { return std::to_string(value) + " " + unit; };
  if (seconds < 60) return number(seconds, "s");
  if (seconds < 3600) return number(seconds / 60, "min ") + number(seconds % 60, "s");
  if (seconds < 86400) return number(seconds / 3600, "h ") + number(seconds / 60 % 60, "min");
  return number(seconds / 86400, "d ") + number(seconds / 3600 % 24, "h");
}

std::string count_text(std::uint64_t count, std::string_view what) {
  if (count == 1) return "1 " + std::string(what);
  std::string many(what);
  if (many.ends_with('y'))
    many.replace(many.size() - 1, 1, "ies");
  else
    many += "s";
  return std::to_string(count) + " " + many;
}

void JsonLine::key(std::string_view key) {
  writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

void JsonLine::add(std::string_view name, std::string_view value) {
  key(name);
  add_element(value);
}

void JsonLine::add(std::string_view name, std::uint64_t value) {
  key(name);
  writer_.Uint64(value);
}

void JsonLine::add(std::string_view name, std::int64_t value) {
  key(name);
  writer_.Int64(value);
}

void JsonLine::add(std::string_view name, bool value) {
  key(name);
  writer_.Bool(value);
}

void JsonLine::add(std::string_view name, double value) {
  key(name);
  writer_.Double(value);
}

void JsonLine::add_null(std::string_view name) {
  key(name);
  writer_.Null();
}

void JsonLine::begin_object(std::string_view name) {
  key(name);
  writer_.StartObject();
}

void JsonLine::begin_array(std::string_view name) {
  key(name);
  writer_.StartArray();
}

void JsonLine::add_element(std::string_view value) {
  std::string safe = printable(value);
  writer_.String(safe.data(), static_cast<rapidjson::SizeType>(safe.size()));
}

void JsonLine::finish(Console* console) {
  writer_.EndObject();
  console->print({buffer_.GetString(), buffer_.GetSize()});
  console->print("\n");
}

}  // namespace paxect::link
