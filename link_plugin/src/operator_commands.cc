#include "operator_commands.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <map>
#include <optional>

#include "filesystem.h"
#include "json_text.h"
#include "policy.h"
#include "printable.h"
#include "relay_lock.h"
#include "trust.h"

namespace paxect::link {
namespace {

constexpr std::size_t kLogLimit = std::size_t{1} << 31;
constexpr std::size_t kReasonLimit = std::size_t{1} << 20;

using Print = std::function<void(const std::string&)>;
using Words = std::vector<std::string>;

// What a command has at hand, and how it ends.
struct Context {
  const LinkConfig& config;
  const Words& words;
  const Print& print;
  std::string* error;

  paxect_plugin_status fail(paxect_plugin_status status, const std::string& message) const {
    *error = message;
    return status;
  }
  paxect_plugin_status usage(const std::string& expected) const {
    return fail(PAXECT_PLUGIN_USAGE, words.front() + ": usage: " + expected);
  }
  void line(const std::string& text) const { print(text + "\n"); }
  bool json() const { return std::find(words.begin(), words.end(), "--json") != words.end(); }
};

// Names in a directory that are not hidden, sorted; none when there is no directory.
Words names_in(const std::string& path) {
  Words names;
  Directory directory;
  if (!Directory::open(path, &directory).ok()) return names;
  Status ignored = directory.list([&](const char* name) {
    if (name[0] != '.') names.emplace_back(name);
    return true;
  });
  std::sort(names.begin(), names.end());
  return names;
}

// The quarantined files: those that have a reason beside them.
Words quarantined(const LinkConfig& config) {
  Words names = names_in(config.quarantine);
  Words result;
  for (const std::string& name : names)
    if (std::binary_search(names.begin(), names.end(), reason_of(name))) result.push_back(name);
  return result;
}

std::string member(const rapidjson::Document& document, const char* key) {
  return document.IsObject() && document.HasMember(key) && document[key].IsString() ? text_of(document[key])
                                                                                    : "";
}

std::optional<rapidjson::Document> read_json(const std::string& path, std::size_t limit) {
  std::string text;
  if (!read_file(path, limit, &text).ok()) return std::nullopt;
  rapidjson::Document document;
  document.Parse<kStrictJson>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  return document;
}

// ---- the log -------------------------------------------------------------------------------------------

// Our log and its rotated parts, oldest first: their names sort so.
Words log_files(const LinkConfig& config) {
  std::string stem(base_name(config.log));
  if (stem.ends_with(".jsonl")) stem.resize(stem.size() - 6);
  Words files;
  for (const std::string& name : names_in(directory_name(config.log)))
    if (name != base_name(config.log) && name.starts_with(stem + ".") && name.ends_with("Z.jsonl"))
      files.push_back(join(directory_name(config.log), name));
  files.push_back(config.log);
  return files;
}

// Calls back with each line that is a JSON object.
void each_line(const Words& files, const std::function<void(const rapidjson::Document&)>& each) {
  for (const std::string& file : files) {
    std::string text;
    if (!read_file(file, kLogLimit, &text).ok()) continue;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = std::min(text.find('\n', at), text.size());
      rapidjson::Document line;
      line.Parse<kStrictJson>(text.data() + at, end - at);
      if (!line.HasParseError() && line.IsObject()) each(line);
      at = end + 1;
    }
  }
}

struct Totals {
  std::map<std::string, std::uint64_t> events;
  std::uint64_t bytes = 0;  // delivered data
  std::string first;
  std::string last;
  std::string last_delivery;
};

Totals count(const Words& files) {
  Totals totals;
  each_line(files, [&](const rapidjson::Document& line) {
    std::string event = member(line, "event");
    std::string time = member(line, "datetime_utc");
    ++totals.events[event];
    if (totals.first.empty()) totals.first = time;
    totals.last = time;
    if (event != "decode" && event != "forward") return;
    totals.last_delivery = time;
    if (line.HasMember("bytes") && line["bytes"].IsUint64()) totals.bytes += line["bytes"].GetUint64();
  });
  return totals;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// One JSON object of strings and numbers, or one "name: value" a line.
void show(const Context& context, const Fields& texts, const std::map<std::string, std::uint64_t>& numbers) {
  if (!context.json()) {
    for (const auto& [name, value] : texts) context.line(name + ": " + printable(value));
    for (const auto& [name, value] : numbers) context.line(name + ": " + std::to_string(value));
    return;
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  for (const auto& [name, value] : texts) {
    writer.Key(name.c_str());
    writer.String(printable(value).c_str());
  }
  for (const auto& [name, value] : numbers) {
    writer.Key(name.c_str());
    writer.Uint64(value);
  }
  writer.EndObject();
  context.line({buffer.GetString(), buffer.GetSize()});
}

// ---- commands ------------------------------------------------------------------------------------------

paxect_plugin_status status(const Context& context) {
  const LinkConfig& config = context.config;
  long holder = RelayLock::holder(config.lock);
  std::map<std::string, std::uint64_t> numbers{{"waiting", 0}, {"quarantined", quarantined(config).size()}};
  for (const std::string& name : names_in(config.inbox))
    if (!is_never_taken(name) && !is_sidecar(name)) ++numbers["waiting"];
  if (holder > 0) numbers["pid"] = static_cast<std::uint64_t>(holder);
  Totals totals = count({config.log});
  numbers["delivered"] = totals.events["decode"] + totals.events["forward"];
  show(context,
       {{"state", holder != 0 ? "running" : "stopped"},
        {"mode", std::string(name_of(config.mode))},
        {"inbox", config.inbox},
        {"outbox", config.outbox},
        {"last_delivery", totals.last_delivery.empty() ? "none in this log" : totals.last_delivery}},
       numbers);
  return holder != 0 ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

paxect_plugin_status stats(const Context& context) {
  Words files;
  for (std::size_t i = 1; i < context.words.size(); ++i)
    if (context.words[i] != "--json") files.push_back(context.words[i]);
  Totals totals = count(files.empty() ? log_files(context.config) : files);
  totals.events["delivered_bytes"] = totals.bytes;
  show(context, {{"from", totals.first}, {"to", totals.last}}, totals.events);
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status explain(const Context& context) {
  if (context.words.size() != 2) return context.usage("explain FILE");
  std::string name(base_name(context.words[1]));
  Fields found;
  for (const std::string& place : {context.config.inbox, context.config.quarantine, context.config.outbox}) {
    FileIdentity identity;
    if (identity_of(join(place, name), &identity)) found.emplace_back("stands", join(place, name));
  }
  if (auto reason = read_json(join(context.config.quarantine, reason_of(name)), kReasonLimit))
    found.emplace_back("quarantined", member(*reason, "event") + ": " + member(*reason, "reason"));
  std::string last;
  each_line(log_files(context.config), [&](const rapidjson::Document& line) {
    for (const char* key : {"src", "dst"})
      if (base_name(member(line, key)) == printable(name))
        last = member(line, "datetime_utc") + " " + member(line, "event") + " " + member(line, "status") +
               " " + member(line, "message");
  });
  if (!last.empty()) found.emplace_back("last event", last);
  if (found.empty()) {
    context.line("nothing is known of " + printable(name));
    return PAXECT_PLUGIN_INCOMPLETE;
  }
  for (const auto& [key, value] : found) context.line(key + ": " + printable(value));
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status peers(const Context& context) {
  Policy policy;
  std::string text;
  std::string problem;
  Words warnings;
  if (read_file(context.config.policy, kPolicyLimit, &text).ok() &&
      !parse_policy(text, context.config.policy, &policy, &warnings, &problem))
    return context.fail(PAXECT_PLUGIN_CONFIG, problem);
  static constexpr const char* kStates[] = {"signed", "unsigned", "unverified", "rejected", "unreadable"};
  PeerTable table;
  Status status = table.refresh(context.config.manifest, context.config.hmac_key, policy.require_sig,
                                [&](const std::string& path, const Peer& peer) {
                                  context.line(printable(peer.node.empty() ? "-" : peer.node) + " " +
                                               kStates[static_cast<int>(peer.state)] + " " + printable(path) +
                                               (peer.reason.empty() ? "" : " " + printable(peer.reason)));
                                });
  return status.ok() ? PAXECT_PLUGIN_OK : context.fail(PAXECT_PLUGIN_CONFIG, status.message);
}

// Back into the inbox, where it is a new file; its reason goes.
Status give_back(const LinkConfig& config, const Directory& from, const std::string& name) {
  Directory inbox;
  if (Status status = Directory::open(config.inbox, &inbox); !status.ok()) return status;
  bool taken = false;
  // The sidecar first, so that the container is checked against it.
  if (is_container(name) && from.look(sidecar_of(name)).kind == FileKind::kRegular)
    if (Status status = from.move_new(sidecar_of(name), inbox, sidecar_of(name), &taken); !status.ok())
      return status;
  if (Status status = from.move_new(name, inbox, name, &taken); !status.ok()) return status;
  return from.remove(reason_of(name));
}

Status drop(const Directory& from, const std::string& name) {
  if (Status status = from.remove(name); !status.ok()) return status;
  if (is_container(name))
    if (Status status = from.remove(sidecar_of(name)); !status.ok()) return status;
  return from.remove(reason_of(name));
}

paxect_plugin_status quarantine(const Context& context) {
  const char* expected = "quarantine list | show FILE | retry FILE | drop FILE";
  const Words& words = context.words;
  const LinkConfig& config = context.config;
  std::string verb = words.size() > 1 ? words[1] : "list";
  Words names = quarantined(config);
  if (verb == "list" && words.size() <= 2) {
    for (const std::string& name : names) {
      auto reason = read_json(join(config.quarantine, reason_of(name)), kReasonLimit);
      context.line(printable(name) +
                   (reason ? " " + member(*reason, "event") + ": " + member(*reason, "reason") : ""));
    }
    return PAXECT_PLUGIN_OK;
  }
  if (words.size() != 3 || (verb != "show" && verb != "retry" && verb != "drop"))
    return context.usage(expected);
  const std::string& name = words[2];
  if (!std::binary_search(names.begin(), names.end(), name))
    return context.fail(PAXECT_PLUGIN_USAGE,
                        "quarantine: there is no '" + name + "' in " + config.quarantine);
  Directory directory;
  Status status = Directory::open(config.quarantine, &directory);
  if (status.ok() && verb == "show") {
    std::string text;
    status = directory.read_small(reason_of(name), kReasonLimit, &text);
    if (status.ok()) context.print(text);
  } else if (status.ok()) {
    status = verb == "drop" ? drop(directory, name) : give_back(config, directory, name);
  }
  return status.ok() ? PAXECT_PLUGIN_OK : context.fail(PAXECT_PLUGIN_INTERNAL, status.message);
}

}  // namespace

const std::vector<OperatorCommand>& operator_commands() {
  static const std::vector<OperatorCommand> kCommands = {
      {"status", "[--json]", "whether the relay runs, what waits, what was delivered last"},
      {"explain", "FILE", "where a file is and what was logged of it last"},
      {"quarantine", "list | show FILE | retry FILE | drop FILE", "what will not get through, and why"},
      {"peers", "", "the manifests of other nodes, and what they are worth"},
      {"stats", "[LOG]... [--json]", "counts by event and bytes delivered, rotated logs included"}};
  return kCommands;
}

paxect_plugin_status run_operator_command(const LinkConfig& config, const Words& words, const Print& print,
                                          std::string* error) {
  Context context{config, words, print, error};
  const std::string& name = words.front();
  if (name == "status") return status(context);
  if (name == "explain") return explain(context);
  if (name == "quarantine") return quarantine(context);
  if (name == "peers") return peers(context);
  if (name == "stats") return stats(context);
  return context.fail(PAXECT_PLUGIN_USAGE, "unknown command '" + name + "'");
}

}  // namespace paxect::link
