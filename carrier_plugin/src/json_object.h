// JSON objects of strings and numbers. Bytes that are not UTF-8 are written as hexadecimal digits under
// NAME_hex.
#pragma once

#include <checked_json.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "digest.h"

namespace paxect::carrier {

inline rapidjson::SizeType json_size(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

inline bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const unsigned char* const end = at + text.size();
  while (at < end) {
    const unsigned char lead = *at++;
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xc2 && lead < 0xe0 ? 1
                     : lead >= 0xe0 && lead < 0xf0 ? 2
                     : lead >= 0xf0 && lead < 0xf5 ? 3
                                                   : -1;
    if (more < 0 || end - at < more) return false;
    const unsigned char second = more > 0 ? *at : 0x80;
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
      return false;
    for (int i = 0; i < more; ++i)
      if ((*at++ & 0xc0U) != 0x80U) return false;
  }
  return true;
}

class JsonObject {
 public:
  JsonObject() : writer_(buffer_) { writer_.StartObject(); }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  JsonObject& add(std::string_view name, std::string_view value) {
    if (is_utf8(value)) return add_string(name, value);
    return add_string(std::string(name) + "_hex", hex_of(value));
  }
  JsonObject& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
  JsonObject& add(std::string_view name, std::uint64_t value) {
    key(name);
    writer_.Uint64(value);
    return *this;
  }
  JsonObject& add(std::string_view name, std::int64_t value) {
    key(name);
    writer_.Int64(value);
    return *this;
  }
  JsonObject& add(std::string_view name, bool value) {
    key(name);
    writer_.Bool(value);
    return *this;
  }
  JsonObject& add_null(std::string_view name) {
    key(name);
    writer_.Null();
    return *this;
  }
  // `json` is the text of a value.
  JsonObject& add_json(std::string_view name, std::string_view json) {
    key(name);
    writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
    return *this;
  }
  std::string text() {
    writer_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void key(std::string_view name) { writer_.Key(name.data(), json_size(name)); }
  JsonObject& add_string(std::string_view name, std::string_view value) {
    key(name);
    writer_.String(value.data(), json_size(value));
    return *this;
  }

  json::StringBuffer buffer_;
  json::Writer writer_;
};

// Reads a text that JsonObject::add has written, as it is or in hexadecimal digits. False when there is none.
inline bool get_text(const json::Value& object, const char* name, std::string* out) {
  if (!object.IsObject()) return false;
  if (const auto plain = object.FindMember(name); plain != object.MemberEnd() && plain->value.IsString()) {
    out->assign(plain->value.GetString(), plain->value.GetStringLength());
    return true;
  }
  const auto hex = object.FindMember((std::string(name) + "_hex").c_str());
  return hex != object.MemberEnd() && hex->value.IsString() &&
         bytes_of({hex->value.GetString(), hex->value.GetStringLength()}, out);
}

// Reads one object; every get fails when the member is missing or of another type.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) {
    constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    valid_ = !document_.Parse<kFlags>(text.data(), text.size()).HasParseError() && document_.IsObject();
  }
  bool valid() const { return valid_; }

  bool get(const char* name, std::string* out) const { return valid_ && get_text(document_, name, out); }
  bool get(const char* name, std::uint64_t* out) const {
    const json::Value* value = find(name);
    if (value == nullptr || !value->IsUint64()) return false;
    *out = value->GetUint64();
    return true;
  }
  bool get(const char* name, std::int64_t* out) const {
    const json::Value* value = find(name);
    if (value == nullptr || !value->IsInt64()) return false;
    *out = value->GetInt64();
    return true;
  }
  bool get(const char* name, bool* out) const {
    const json::Value* value = find(name);
    if (value == nullptr || !value->IsBool()) return false;
    *out = value->GetBool();
    return true;
  }
  const json::Value* find(const char* name) const {
    if (!valid_) return nullptr;
    const auto member = document_.FindMember(name);
    return member == document_.MemberEnd() ? nullptr : &member->value;
  }

 private:
  json::Document document_;
  bool valid_ = false;
};

}  // namespace paxect::carrier
