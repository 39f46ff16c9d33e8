// Small helpers around RapidJSON: how strictly we parse, and the line and column of an offset in a text.
#pragma once

#include <checked_json.h>

#include <string>
#include <string_view>

namespace paxect::link {

// Strict UTF-8, nothing after the value, and no recursion: deep nesting must not exhaust the stack.
inline constexpr unsigned kStrictJson =
    rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;

// Documents that are walked recursively must not be nested deeper.
inline constexpr std::size_t kMaxJsonDepth = 64;

inline std::string text_of(const json::Value& value) { return {value.GetString(), value.GetStringLength()}; }

// "LINE:COLUMN" of a byte offset, both counted from 1.
inline std::string line_and_column(std::string_view text, std::size_t offset) {
  std::string_view before = text.substr(0, std::min(offset, text.size()));
  std::size_t line = 1;
  for (char c : before) line += c == '\n' ? 1 : 0;
  auto newline = before.rfind('\n');
  std::size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace paxect::link
