#include "base/canonical_json.h"

#include <checked_json.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <set>

#include "base/json_text.h"

namespace paxect::link {
namespace {

// Builds the tree. A false return ends the parse; `problem` says why.
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  explicit Builder(JsonNode* root) : root_(root) {}

  const std::string& problem() const { return problem_; }

  bool Null() { return add({JsonNode::Type::kNull, "", {}}) != nullptr; }
  bool Bool(bool value) {
    return add({value ? JsonNode::Type::kTrue : JsonNode::Type::kFalse, "", {}}) != nullptr;
  }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return add({JsonNode::Type::kNumber, {text, size}, {}}) != nullptr;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return add({JsonNode::Type::kString, {text, size}, {}}) != nullptr;
  }
  bool StartObject() { return open(JsonNode::Type::kObject); }
  bool StartArray() { return open(JsonNode::Type::kArray); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_.assign(text, size);
    if (keys_.back().insert(key_).second) return true;
    problem_ = "the key '" + key_ + "' occurs twice in one object";
    return false;
  }

 private:
  JsonNode* add(JsonNode node) {
    if (path_.empty()) {
      *root_ = std::move(node);
      return root_;
    }
    auto& siblings = path_.back()->children;
    siblings.push_back({path_.back()->type == JsonNode::Type::kObject ? key_ : "", std::move(node)});
    return &siblings.back().value;
  }
  bool open(JsonNode::Type type) {
    if (path_.size() >= kMaxJsonDepth) {
      problem_ = "nested too deeply";
      return false;
    }
    // A child's address is stable while it is open: its siblings come after it is closed.
    path_.push_back(add({type, "", {}}));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    path_.pop_back();
    keys_.pop_back();
    return true;
  }

  JsonNode* root_;
  std::vector<JsonNode*> path_;
  std::vector<std::set<std::string>> keys_;
  std::string key_;
  std::string problem_;
};

void append_unit(std::string* out, unsigned unit) {
  static constexpr char kDigits[] = "0123456789abcdef";
  *out += "\\u";
  for (unsigned shift : {12u, 8u, 4u, 0u}) *out += kDigits[unit >> shift & 15];
}

// Takes one code point off valid UTF-8.
std::uint32_t next_code_point(std::string_view* text) {
  auto first = static_cast<unsigned char>(text->front());
  std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  static constexpr std::array<unsigned, 5> kMasks = {0, 0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t point = first & kMasks[length];
  for (std::size_t i = 1; i < length && i < text->size(); ++i)
    point = point << 6 | (static_cast<unsigned char>((*text)[i]) & 0x3fu);
  text->remove_prefix(std::min(length, text->size()));
  return point;
}

void append_string(std::string* out, std::string_view text) {
  static constexpr std::string_view kShort = "\b\f\n\r\t\"\\";
  static constexpr std::string_view kLetters = "bfnrt\"\\";
  *out += '"';
  while (!text.empty()) {
    std::uint32_t point = next_code_point(&text);
    std::size_t at = point < 0x80 ? kShort.find(static_cast<char>(point)) : std::string_view::npos;
    if (at != std::string_view::npos) {
      *out += '\\';
      *out += kLetters[at];
    } else if (point >= 0x20 && point < 0x7f) {
      *out += static_cast<char>(point);
    } else if (point < 0x10000) {
      append_unit(out, point);
    } else {
      append_unit(out, 0xd800 + ((point - 0x10000) >> 10));
      append_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
    }
  }
  *out += '"';
}

void append_number(std::string* out, const std::string& text) {
  if (text.find_first_of(".eE") == std::string::npos) {
    *out += text == "-0" ? "0" : text;
    return;
  }
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  double size = std::abs(value);
  auto format =
      size != 0 && (size < 1e-4 || size >= 1e16) ? std::chars_format::scientific : std::chars_format::fixed;
  std::array<char, 512> buffer{};
  auto [end, status] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
  std::string digits(buffer.data(), end);
  if (format == std::chars_format::fixed && digits.find('.') == std::string::npos) digits += ".0";
  *out += digits;
}

void append(std::string* out, const JsonNode& node) {
  switch (node.type) {
    case JsonNode::Type::kNull:
      *out += "null";
      return;
    case JsonNode::Type::kTrue:
      *out += "true";
      return;
    case JsonNode::Type::kFalse:
      *out += "false";
      return;
    case JsonNode::Type::kNumber:
      return append_number(out, node.text);
    case JsonNode::Type::kString:
      return append_string(out, node.text);
    case JsonNode::Type::kArray:
    case JsonNode::Type::kObject:
      break;
  }
  bool object = node.type == JsonNode::Type::kObject;
  std::vector<const JsonMember*> children;
  for (const auto& child : node.children) children.push_back(&child);
  // Bytes of UTF-8 sort as their code points do.
  if (object) std::sort(children.begin(), children.end(), [](auto* a, auto* b) { return a->name < b->name; });
  *out += object ? '{' : '[';
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i > 0) *out += ',';
    if (object) {
      append_string(out, children[i]->name);
      *out += ':';
    }
    append(out, children[i]->value);
  }
  *out += object ? '}' : ']';
}

}  // namespace

const JsonNode* JsonNode::find(std::string_view name) const {
  if (type != Type::kObject) return nullptr;
  for (const auto& [key, child] : children)
    if (key == name) return &child;
  return nullptr;
}

Status parse_json(std::string_view text, JsonNode* root) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  Builder builder(root);
  json::Reader reader;
  auto result = reader.Parse<kStrictJson | rapidjson::kParseNumbersAsStringsFlag>(stream, builder);
  if (!result.IsError()) return Status::success();
  return Status::invalid(
      line_and_column(text, result.Offset()) + ": " +
      (builder.problem().empty() ? rapidjson::GetParseError_En(result.Code()) : builder.problem()));
}

std::string canonical_json(const JsonNode& node) {
  std::string text;
  append(&text, node);
  return text;
}

}  // namespace paxect::link
