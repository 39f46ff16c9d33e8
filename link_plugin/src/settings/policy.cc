#include "settings/policy.h"

#include <checked_json.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/json_text.h"
#include "settings/json_schema.h"

namespace paxect::link {
namespace {

using json::Value;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

constexpr std::string_view kAnySuffix = "*";

std::set<std::string> texts(const Value& list) {
  std::set<std::string> result;
  for (const Value& item : list.GetArray()) result.insert(text_of(item));
  return result;
}

std::set<std::string> suffixes(const Value& list) {
  std::set<std::string> result;
  for (const std::string& suffix : texts(list))
    result.insert(suffix.empty() || suffix == kAnySuffix || suffix.starts_with('.') ? lower(suffix)
                                                                                    : lower("." + suffix));
  return result;
}

int level_of(const Value& value) {
  static constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};
  return static_cast<int>(std::find(kLevels.begin(), kLevels.end(), lower(text_of(value))) - kLevels.begin());
}

// What the schema has found right.
void take(const std::string& key, const Value& value, Policy* policy) {
  if (key == "version") policy->version = text_of(value);
  if (key == "trusted_nodes") policy->trusted_nodes = texts(value);
  if (key == "allowed_suffixes") policy->allowed_suffixes = suffixes(value);
  if (key == "max_file_mb")
    policy->max_file_bytes = static_cast<std::uint64_t>(value.GetDouble() * 1048576.0);
  if (key == "require_sig") policy->require_sig = value.GetBool();
  if (key == "auto_delete") policy->auto_delete = value.GetBool();
  if (key == "log_level") policy->log_level = level_of(value);
  if (key == "quarantine_on_policy_block") policy->quarantine_on_policy_block = value.GetBool();
}

std::string message_of(const SchemaFault& fault) {
  std::string message = fault.place + " must be " + fault.expected;
  if (!fault.found.empty()) message += ", not " + fault.found;
  return message;
}

// The checks in their order: is it JSON, has it each key once, is it as the schema says.
class PolicyReader {
 public:
  PolicyReader(std::string_view text, const std::string& path, std::vector<std::string>* faults)
      : text_(text), path_(path), faults_(*faults) {}

  void read(Policy* policy, std::vector<std::string>* warnings) {
    json::Document document;
    document.Parse<kStrictJson>(text_.data(), text_.size());
    if (document.HasParseError())
      return fail_at(document.GetErrorOffset(), rapidjson::GetParseError_En(document.GetParseError()));
    find_keys();
    for (const SchemaFault& fault : check_schema(document, kPolicySchema))
      fail_at(fault.key.empty() ? 0 : offsets_[fault.key], message_of(fault));
    if (!faults_.empty()) return;
    const std::set<std::string> known = keys_of_schema(kPolicySchema);
    for (const auto& member : std::as_const(document).GetObject()) {
      const std::string key = text_of(member.name);
      take(key, member.value, policy);
      if (!known.contains(key))
        warnings->push_back(place_of(offsets_[key]) + ": unknown key '" + key + "' is ignored");
    }
  }

 private:
  // The offset of each key of the outermost object, for messages.
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
      if (!first) reader->fail_at(stream->Tell() - 1, "the key '" + key + "' occurs a second time");
      return true;
    }
  };

  void find_keys() {
    rapidjson::MemoryStream stream(text_.data(), text_.size());
    KeyFinder finder;
    finder.stream = &stream;
    finder.reader = this;
    json::Reader reader;
    reader.Parse<kStrictJson>(stream, finder);
  }

  std::string place_of(std::size_t offset) const { return path_ + ":" + line_and_column(text_, offset); }
  void fail_at(std::size_t offset, const std::string& reason) {
    faults_.push_back(place_of(offset) + ": " + reason);
  }

  std::string_view text_;
  const std::string& path_;
  std::vector<std::string>& faults_;
  std::map<std::string, std::size_t> offsets_;
};

}  // namespace

std::string Policy::node_block(std::string_view node) const {
  return trusted_nodes.contains(std::string(node)) ? "" : "untrusted_node:" + std::string(node);
}

std::string Policy::suffix_block(std::string_view suffix) const {
  bool allowed =
      allowed_suffixes.contains(lower(suffix)) || allowed_suffixes.contains(std::string(kAnySuffix));
  return allowed ? "" : "disallowed_suffix:" + std::string(suffix);
}

std::string Policy::size_block(std::uint64_t size) const {
  return size <= max_file_bytes ? "" : "file_too_large:" + std::to_string(size) + "B";
}

// Frame headers, and data that does not compress, take up to a sixty-fourth. A window of the container, which
// has 8 MiB or more on average, gets as much parity as one of 16 MiB, and lists: up to 1.05 of `protect`
// / 50. The last window may be short.
std::uint64_t Policy::max_container_bytes(unsigned protect) const {
  constexpr std::uint64_t kLastWindowPerPercent = std::uint64_t{400} << 10;
  const std::uint64_t plain = max_file_bytes + max_file_bytes / 64 + 1048576;
  return plain + plain / 45 * protect + kLastWindowPerPercent * protect;
}

std::string Policy::container_size_block(std::uint64_t size) const {
  constexpr unsigned kMaxProtect = 50;
  return size <= max_container_bytes(kMaxProtect) ? "" : "file_too_large:" + std::to_string(size) + "B";
}

bool parse_policy(std::string_view text, const std::string& path, Policy* policy,
                  std::vector<std::string>* warnings, std::vector<std::string>* faults) {
  Policy result;
  faults->clear();
  PolicyReader(text, path, faults).read(&result, warnings);
  if (faults->empty()) *policy = result;
  return faults->empty();
}

std::string in_one_line(const std::vector<std::string>& faults) {
  if (faults.empty()) return "";
  std::size_t more = faults.size() - 1;
  return faults[0] + (more == 0 ? "" : " (and " + std::to_string(more) + " more: see paxect check)");
}

std::string default_policy_text(std::string_view node) {
  json::StringBuffer buffer;
  json::PrettyWriter writer(buffer);
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
