// JSON that the panel writes itself.
#pragma once

#include <checked_json.h>

#include <string>
#include <string_view>

namespace paxect::panel {

inline rapidjson::SizeType json_size(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

// A string in quotes. Requires: `text` is UTF-8, or its bytes may be passed on as they are.
inline std::string json_string(std::string_view text) {
  json::StringBuffer buffer;
  json::Writer writer(buffer);
  writer.String(text.data(), json_size(text));
  return {buffer.GetString(), buffer.GetSize()};
}

// The same in ASCII: characters that nobody sees, or that change the direction of text, are escapes.
inline std::string ascii_json_string(std::string_view text) {
  json::StringBuffer buffer;
  rapidjson::Writer<json::StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>> writer(buffer);
  writer.String(text.data(), json_size(text));
  return {buffer.GetString(), buffer.GetSize()};
}

inline std::string json_text(const json::Value& value) {
  json::StringBuffer buffer;
  json::Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

// A text of another program as UTF-8: bytes that are none, and control characters, become '?'.
inline std::string printable(std::string_view text) {
  json::Document ignored;
  std::string quoted = "\"";
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
    quoted += plain ? c : '?';
  }
  constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag;
  const bool is_utf8 = !ignored.Parse<kFlags>((quoted + "\"").c_str()).HasParseError();
  std::string safe(text);
  for (char& c : safe) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8)) c = c == '\n' ? ' ' : '?';
  }
  while (safe.ends_with(' ')) safe.pop_back();
  return safe;
}

// Parses without recursion, so that nesting cannot use up the stack, and refuses what is not UTF-8.
inline bool parse_json(std::string_view text, json::Document* out) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  return !out->Parse<kFlags>(text.data(), text.size()).HasParseError();
}

}  // namespace paxect::panel
