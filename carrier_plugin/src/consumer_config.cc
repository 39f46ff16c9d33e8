#include "consumer_config.h"

#include <algorithm>
#include <array>

#include "json_object.h"

namespace paxect::carrier {
namespace {

constexpr int kConsumerNotFound = 10014;
// Members that a carrier leaves out when it makes a consumer.
constexpr std::array<const char*, 11> kLeftOut = {
    "deliver_subject", "filter_subject", "filter_subjects",    "headers_only", "backoff",    "rate_limit_bps",
    "max_batch",       "max_expires",    "inactive_threshold", "max_bytes",    "pause_until"};
constexpr std::array<const char*, 3> kLimits = {"max_batch", "max_expires", "max_bytes"};
constexpr std::array<const char*, 4> kFixed = {"ack_policy", "deliver_policy", "deliver_subject",
                                               "pause_until"};

template <class List>
bool is_in(const List& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string text_of(const json::Value& value) {
  json::StringBuffer buffer;
  json::Writer writer(buffer);
  value.Accept(writer);
  std::string text(buffer.GetString(), buffer.GetSize());
  for (const char* none : {"0", "false", "null", "\"\"", "[]"})
    if (text == none) return "";
  return text;
}

// A value is written by a recursion: one that the server has nested deeply would use up the stack.
bool is_shallow(const json::Value& value, int depth) {
  if (!value.IsObject() && !value.IsArray()) return true;
  if (depth == 0) return false;
  if (value.IsArray())
    return std::all_of(value.Begin(), value.End(),
                       [&](const json::Value& one) { return is_shallow(one, depth - 1); });
  return std::all_of(value.MemberBegin(), value.MemberEnd(),
                     [&](const auto& one) { return is_shallow(one.value, depth - 1); });
}

// The configuration in a reply of the server; null: it is none.
const json::Value* config_in(const JsonReader& reply) {
  constexpr int kMaxDepth = 8;
  const json::Value* config = reply.find("config");
  return config != nullptr && config->IsObject() && is_shallow(*config, kMaxDepth) ? config : nullptr;
}

std::string member(const ConsumerMembers& members, const std::string& name) {
  const auto found = members.find(name);
  return found == members.end() ? "" : found->second;
}

std::string shown_value(const std::string& value) { return value.empty() ? "not set" : value; }

}  // namespace

const ConsumerMembers& own_members() {
  static const ConsumerMembers kOwn = {{"ack_policy", "\"explicit\""},
                                       {"deliver_policy", "\"all\""},
                                       {"max_ack_pending", "10000"},
                                       {"max_deliver", "-1"}};
  return kOwn;
}

bool is_fixed_member(const std::string& name) { return is_in(kFixed, name); }

bool parse_consumer_info(std::string_view reply, ConsumerInfo* out) {
  const JsonReader reader(reply);
  const json::Value* config = config_in(reader);
  if (config == nullptr || !reader.get("created", &out->created)) return false;
  out->members.clear();
  out->ack_wait_ns = 0;
  for (const auto& one : config->GetObject()) {
    const std::string name(one.name.GetString(), one.name.GetStringLength());
    if (name == "ack_wait" && one.value.IsInt64()) out->ack_wait_ns = one.value.GetInt64();
    if (!own_members().contains(name) && !is_in(kLeftOut, name)) continue;
    if (const std::string text = text_of(one.value); !text.empty()) out->members[name] = text;
  }
  return true;
}

bool is_consumer_missing(std::string_view reply) {
  const JsonReader reader(reply);
  const json::Value* error = reader.find("error");
  return error != nullptr && error->IsObject() && error->HasMember("err_code") &&
         (*error)["err_code"].IsInt() && (*error)["err_code"].GetInt() == kConsumerNotFound;
}

std::string restoring_request(std::string_view reply, const std::string& stream, std::int64_t ack_wait_ns) {
  const JsonReader reader(reply);
  const json::Value* config = config_in(reader);
  if (config == nullptr) return "";
  JsonObject restored;
  std::int64_t ack_wait = ack_wait_ns;
  for (const auto& one : config->GetObject()) {
    const std::string name(one.name.GetString(), one.name.GetStringLength());
    if (name == "ack_wait" && one.value.IsInt64()) ack_wait = std::max(ack_wait, one.value.GetInt64());
    if (name == "ack_wait" || own_members().contains(name) || is_in(kLeftOut, name)) continue;
    json::StringBuffer buffer;
    json::Writer writer(buffer);
    one.value.Accept(writer);
    restored.add_json(name, {buffer.GetString(), buffer.GetSize()});
  }
  for (const auto& [name, value] : own_members()) restored.add_json(name, value);
  restored.add("ack_wait", ack_wait);
  return JsonObject().add("stream_name", stream).add_json("config", restored.text()).text();
}

void ConsumerConfig::take_existing(const ConsumerMembers& seen) {
  expected_ = own_members();
  for (const char* limit : kLimits)
    if (const std::string value = member(seen, limit); !value.empty()) expected_[limit] = value;
}

std::vector<ConsumerConfig::Difference> ConsumerConfig::compare(const ConsumerInfo& now,
                                                                std::int64_t ack_wait_ns) const {
  std::vector<Difference> differences;
  const auto look_at = [&](const std::string& name) {
    const std::string is = member(now.members, name);
    const std::string expected = member(expected_, name);
    if (is != expected)
      differences.push_back({name, name + " is " + shown_value(is) + " instead of " + shown_value(expected)});
  };
  for (const auto& [name, value] : own_members()) look_at(name);
  for (const char* name : kLeftOut) look_at(name);
  if (now.ack_wait_ns < ack_wait_ns)
    differences.push_back({"ack_wait", "ack_wait is " + std::to_string(now.ack_wait_ns / 1'000'000) +
                                           " ms instead of " + std::to_string(ack_wait_ns / 1'000'000)});
  return differences;
}

}  // namespace paxect::carrier
