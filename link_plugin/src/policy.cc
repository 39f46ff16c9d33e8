#include "policy.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <map>

#include "json_text.h"

namespace paxect::link {
namespace {

using rapidjson::Value;

constexpr double kMaxFileMb = 1e12;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// Takes one key after another out of the document; remembers the first thing that is wrong.
class PolicyReader {
 public:
  PolicyReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  bool read(Policy* policy, std::vector<std::string>* warnings) {
    rapidjson::Document document;
    document.Parse<kStrictJson>(text_.data(), text_.size());
    if (document.HasParseError()) {
      fail_at(document.GetErrorOffset(), rapidjson::GetParseError_En(document.GetParseError()));
      return false;
    }
    if (!document.IsObject()) {
      fail_at(0, "a policy is one JSON object");
      return false;
    }
    find_keys();
    for (const auto& member : document.GetObject())
      if (error_.empty()) read_member(text_of(member.name), member.value, policy, warnings);
    return error_.empty();
  }

  const std::string& error() const { return error_; }

 private:
  // Where each key of the outermost object stands, for messages.
  struct KeyFinder : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, KeyFinder> {
    const rapidjson::MemoryStream* stream = nullptr;
    PolicyReader* reader = nullptr;
    int depth = 0;
    bool StartObject() { return ++depth > 0; }
    bool EndObject(rapidjson::SizeType) { return depth-- > 0; }
    bool StartArray() { return ++depth > 0; }
    bool EndArray(rapidjson::SizeType) { return depth-- > 0; }
    bool Key(const char* name, rapidjson::SizeType size, bool) {
      if (depth != 1) return true;
      std::string key(name, size);
      bool first = reader->offsets_.emplace(key, stream->Tell() - 1).second;
      if (!first) reader->fail_at(stream->Tell() - 1, "the key '" + key + "' stands here a second time");
      return true;
    }
  };

  void find_keys() {
    rapidjson::MemoryStream stream(text_.data(), text_.size());
    KeyFinder finder;
    finder.stream = &stream;
    finder.reader = this;
    rapidjson::Reader reader;
    reader.Parse<kStrictJson>(stream, finder);
  }

  void fail_at(std::size_t offset, const std::string& reason) {
    if (error_.empty()) error_ = path_ + ":" + line_and_column(text_, offset) + ": " + reason;
  }
  void fail(const std::string& key, const std::string& reason) {
    fail_at(offsets_[key], "'" + key + "' " + reason);
  }

  void read_member(const std::string& key, const Value& value, Policy* policy,
                   std::vector<std::string>* warnings) {
    if (key == "version")
      policy->version = value.IsString() ? text_of(value) : policy->version;
    else if (key == "trusted_nodes")
      policy->trusted_nodes = texts(key, value);
    else if (key == "allowed_suffixes")
      policy->allowed_suffixes = suffixes(texts(key, value));
    else if (key == "max_file_mb")
      read_size(key, value, &policy->max_file_bytes);
    else if (key == "require_sig")
      read_bool(key, value, &policy->require_sig);
    else if (key == "auto_delete")
      read_bool(key, value, &policy->auto_delete);
    else if (key == "quarantine_on_policy_block")
      read_bool(key, value, &policy->quarantine_on_policy_block);
    else if (key == "log_level")
      read_level(key, value, &policy->log_level);
    else
      warnings->push_back(path_ + ":" + line_and_column(text_, offsets_[key]) + ": unknown key '" + key +
                          "' is ignored");
  }

  std::set<std::string> texts(const std::string& key, const Value& value) {
    std::set<std::string> result;
    if (!value.IsArray()) {
      fail(key, "must be a list of strings");
      return result;
    }
    for (const Value& item : value.GetArray()) {
      if (!item.IsString()) fail(key, "must be a list of strings");
      if (item.IsString()) result.insert(text_of(item));
    }
    return result;
  }

  static std::set<std::string> suffixes(const std::set<std::string>& given) {
    std::set<std::string> result;
    for (const std::string& suffix : given)
      result.insert(lower(suffix.starts_with('.') ? suffix : "." + suffix));
    return result;
  }

  void read_bool(const std::string& key, const Value& value, bool* out) {
    if (!value.IsBool()) return fail(key, "must be true or false");
    *out = value.GetBool();
  }

  void read_size(const std::string& key, const Value& value, std::uint64_t* out) {
    if (!value.IsNumber() || value.GetDouble() < 0 || value.GetDouble() > kMaxFileMb)
      return fail(key, "must be a number of MiB, 0 or more");
    *out = static_cast<std::uint64_t>(value.GetDouble() * 1048576.0);
  }

  void read_level(const std::string& key, const Value& value, int* out) {
    static constexpr const char* kLevels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; ++i) {
      if (!value.IsString() || lower(text_of(value)) != kLevels[i]) continue;
      *out = i;
      return;
    }
    fail(key, "must be debug, info, warn or error");
  }

  std::string_view text_;
  const std::string& path_;
  std::map<std::string, std::size_t> offsets_;
  std::string error_;
};

}  // namespace

std::string Policy::node_block(std::string_view node) const {
  return trusted_nodes.contains(std::string(node)) ? "" : "untrusted_node:" + std::string(node);
}

std::string Policy::suffix_block(std::string_view suffix) const {
  return allowed_suffixes.contains(lower(suffix)) ? "" : "disallowed_suffix:" + std::string(suffix);
}

std::string Policy::size_block(std::uint64_t size) const {
  return size <= max_file_bytes ? "" : "file_too_large:" + std::to_string(size) + "B";
}

std::string Policy::container_size_block(std::uint64_t size) const {
  std::uint64_t room = max_file_bytes / 64 + 1048576;
  return size <= max_file_bytes + room ? "" : "file_too_large:" + std::to_string(size) + "B";
}

bool parse_policy(std::string_view text, const std::string& path, Policy* policy,
                  std::vector<std::string>* warnings, std::string* error) {
  Policy result;
  PolicyReader reader(text, path);
  bool good = reader.read(&result, warnings);
  *error = reader.error();
  if (good) *policy = result;
  return good;
}

std::string default_policy_text(std::string_view node) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  writer.StartObject();
  writer.Key("version");
  writer.String("1.0");
  writer.Key("trusted_nodes");
  writer.StartArray();
  writer.String("localhost");
  if (node != "localhost") writer.String(node.data(), static_cast<rapidjson::SizeType>(node.size()));
  writer.EndArray();
  writer.Key("allowed_suffixes");
  writer.StartArray();
  for (const char* suffix : {".bin", ".txt", ".json", ".csv", ".aead", ".freq"}) writer.String(suffix);
  writer.EndArray();
  writer.Key("max_file_mb");
  writer.Uint64(256);
  writer.Key("require_sig");
  writer.Bool(false);
  writer.Key("auto_delete");
  writer.Bool(true);
  writer.Key("log_level");
  writer.String("info");
  writer.Key("quarantine_on_policy_block");
  writer.Bool(false);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace paxect::link
