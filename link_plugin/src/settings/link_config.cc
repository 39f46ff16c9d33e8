#include "settings/link_config.h"

#include <paxect/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "base/clock.h"
#include "base/file_system_type.h"
#include "base/filesystem.h"
#include "proof/list.h"
#include "settings/key_source.h"
#include "settings/path_checks.h"
#include "settings/setting_reader.h"

namespace paxect::link {
namespace {

// What poll_sec = 0, as often as possible, comes to.
constexpr std::uint64_t kShortestPoll = 10 * kMillisecond;
// Of a frame. Below, headers make a container larger than the policy allows for; above, each thread would
// need gigabytes of memory, at the receiver too.
constexpr std::int64_t kSmallestFrame = 4096;
constexpr std::int64_t kLargestFrame = 268435456;
constexpr std::size_t kMaxReceivers = 64;
constexpr std::size_t kMaxShownCommand = 200;  // bytes of it in a message

const std::vector<std::string>& known_keys() {
  static const std::vector<std::string> kKeys = {"mode",
                                                 "inbox",
                                                 "outbox",
                                                 "policy",
                                                 "manifest",
                                                 "log",
                                                 "log_max",
                                                 "lock",
                                                 "poll_sec",
                                                 "backoff_sec",
                                                 "hmac_key",
                                                 "sign_key",
                                                 "to",
                                                 "within",
                                                 "list_ms",
                                                 "proof_also",
                                                 "receipts_in",
                                                 "keep",
                                                 "peers",
                                                 "proof",
                                                 "late_after",
                                                 "max_jump",
                                                 "receipts",
                                                 "core",
                                                 "quarantine",
                                                 "names",
                                                 "recursive",
                                                 "settle_ms",
                                                 "max_attempts",
                                                 "node",
                                                 "metrics_file",
                                                 "sandbox",
                                                 "core_timeout_sec",
                                                 "min_age_ms",
                                                 "ignore",
                                                 "level",
                                                 "frame",
                                                 "channels",
                                                 "state",
                                                 "locks",
                                                 "outbox_is_mount",
                                                 "protect"};
  return kKeys;
}

void refuse_unknown_keys(const Host& host, SettingReader& reader) {
  const auto& known = known_keys();
  for (std::uint32_t i = 0; const char* key = host.key_at(i); ++i)
    // `plugin` says which plugin an instance is; it is the host's.
    if (std::string_view(key) != "plugin" && std::find(known.begin(), known.end(), key) == known.end())
      reader.fail_unknown(key, known);
}

// A key is never repeated in a message.
void read_hmac_key(const Host& host, KeyUse use, SettingReader& reader, LinkConfig* config) {
  int32_t origin = PAXECT_ORIGIN_NONE;
  const char* value = host.get("hmac_key", &origin);
  const std::string setting = value == nullptr ? "" : value;
  bool plain = HmacKey::is_plain(setting);
  const std::string shown = plain ? "..." : setting;
  if (plain && origin == PAXECT_ORIGIN_COMMAND_LINE)
    return reader.fail(
        "hmac_key", shown,
        "a key on the command line can be seen by every user: give file:PATH or credential:NAME");
  if (Status status = config->hmac_key.set(setting); !status.ok()) {
    bool needed = use == KeyUse::kRequired && !config->hmac_key.is_of_a_service();
    if (plain || needed) return reader.fail("hmac_key", shown, status.message);
    config->key_problem = reader.message("hmac_key", shown, status.message);
  }
  if (config->hmac_key.is_open_to_all())
    config->warnings.push_back(config->hmac_key.path() + ": every user can read this key: chmod o= it");
}

void read_sign_key(const Host& host, KeyUse use, SettingReader& reader, LinkConfig* config) {
  const char* value = host.get("sign_key", nullptr);
  const std::string setting = value == nullptr ? "" : value;
  // What is not a place may be the key itself.
  const std::string shown = setting.empty() || names_key_source(setting) ? setting : "...";
  Status status = config->sign_key.set(setting);
  if (status.ok()) return;
  const bool can_do_without = use == KeyUse::kIfReadable || config->sign_key.is_of_a_service();
  if (shown != setting || !can_do_without) return reader.fail("sign_key", shown, status.message);
  config->sign_key_problem = reader.message("sign_key", shown, status.message);
}

// no, receipt, or a whole number with s, m, h or d.
void read_keep(SettingReader& reader, LinkConfig* config) {
  const std::string value = reader.text("keep", "no");
  if (value == "no") return;
  config->keep = value == "receipt" ? Keep::kReceipt : Keep::kDuration;
  if (config->keep == Keep::kReceipt) {
    if (config->to.empty())
      reader.fail("keep", value, "nobody is named whose receipt would end it: set to = NODE...");
    return;
  }
  static constexpr std::pair<char, std::int64_t> kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  std::uint64_t number = 0;
  for (const auto& [letter, seconds] : kUnits)
    if (!value.empty() && value.back() == letter &&
        parse_number(std::string_view(value).substr(0, value.size() - 1), 1,
                     std::uint64_t{36500} * 86400 / static_cast<std::uint64_t>(seconds), &number))
      config->keep_s = static_cast<std::int64_t>(number) * seconds;
  if (config->keep_s == 0) reader.fail("keep", value, "not no, receipt, or a time such as 12h or 30d");
}

// Whom lists are for, and how often they come.
void read_lists(const Host& host, KeyUse use, SettingReader& reader, LinkConfig* config) {
  const std::string to = reader.text("to", "*");
  if (to != "*") {
    split_command(to, &config->to);
    std::set<std::string> names;
    for (const std::string& name : config->to)
      if (!is_node_name(name) || !names.insert(name).second || config->to.size() > kMaxReceivers)
        reader.fail("to", to, "not *, nor the names of nodes, each once, separated by blanks");
    if (config->to.empty()) reader.fail("to", to, "no receiver: give their names, or * for whoever has it");
  }
  config->within = reader.number("within", 600, 1, kMaxWithin);
  config->list_delay_ns = reader.number("list_ms", 200, 0, 86400000) * kMillisecond;
  if (host.get("proof_also", nullptr) != nullptr) config->proof_also = reader.path("proof_also", "");
  if (host.get("receipts_in", nullptr) != nullptr) config->receipts_in = reader.path("receipts_in", "");
  read_keep(reader, config);
  const char* key_setting = host.get("sign_key", nullptr);
  if (key_setting == nullptr || *key_setting == '\0') {
    if (config->keep != Keep::kNo)
      reader.fail("keep", host.get("keep", nullptr),
                  "without sign_key nothing is listed that a receipt could be about: set it");
    for (const char* key : {"to", "within", "list_ms", "proof_also", "receipts_in"})
      if (host.get(key, nullptr) != nullptr)
        config->warnings.push_back(std::string(key) + " (" + host.describe(key) +
                                   ") has no effect: without sign_key there are no lists");
    return;
  }
  if (config->mode == Mode::kRelay && use == KeyUse::kRequired && config->sign_key.key())
    reader.fail("sign_key", host.get("sign_key", nullptr),
                "mode relay makes no lists and no receipts: set mode to send or receive, or leave it out");
  if (!is_node_name(config->node))
    reader.fail("node", config->node,
                "with sign_key it is part of file names: give 1 to 128 letters, digits, '.', '-' and '_', "
                "the first a letter or a digit, without a number after the last dot");
}

// Lists of senders, which only a receiver reads: a relay encodes and decodes by itself what comes.
void read_proof(const Host& host, SettingReader& reader, LinkConfig* config) {
  constexpr std::uint64_t kMaxLate = 366 * 86400;
  const std::size_t chosen = reader.choice("proof", {"auto", "off", "check", "require"});
  if (chosen > 0) config->proof = static_cast<ProofMode>(chosen - 1);
  config->late_after = reader.number("late_after", 0, 0, kMaxLate);
  config->max_jump = reader.number("max_jump", 10000, 1, std::uint64_t{1} << 32);
  if (host.get("receipts", nullptr) != nullptr) config->receipts = reader.path("receipts", "");
  if (config->mode == Mode::kReceive || config->proof.value_or(ProofMode::kOff) == ProofMode::kOff) return;
  reader.fail("proof", reader.text("proof", ""),
              "mode " + std::string(name_of(config->mode)) +
                  " reads no lists: set mode = receive here and mode = send where the files come from");
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name[0] == '\0' ? "localhost" : name.data();
}

// Peers compare it with what they trust, and people read it in logs: nothing that one could mistake.
void read_node(const Host& host, SettingReader& reader, LinkConfig* config) {
  constexpr std::size_t kLongest = 255;
  config->node = reader.text("node", host_name());
  if (host.get("node", nullptr) == nullptr) return;
  bool plain =
      std::all_of(config->node.begin(), config->node.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (config->node.empty() || config->node.size() > kLongest || !plain)
    reader.fail("node", config->node, "not 1 to 255 visible ASCII characters");
}

// PAXECT_CORE ranks just below PAXECT_LINK_CORE and above the config file.
void read_core(const Host& host, SettingReader& reader, LinkConfig* config) {
  int32_t origin = PAXECT_ORIGIN_NONE;
  const char* own = host.get("core", &origin);
  const char* common = std::getenv("PAXECT_CORE");
  bool common_wins =
      common != nullptr && *common != '\0' && (origin == PAXECT_ORIGIN_NONE || origin == PAXECT_ORIGIN_FILE);
  std::string value = common_wins ? common : own == nullptr ? "builtin" : own;
  if (value == "builtin") return;
  config->core.line = value;
  if (!split_command(value, &config->core.command) || config->core.command.empty())
    reader.fail("core", value, "not 'builtin' nor a command line (is a quote left open?)");
}

void read_encoding(const Host& host, SettingReader& reader, LinkConfig* config) {
  config->encoding.level = reader.parameter("level", PAXECT_PARAM_LEVEL, INT64_MIN, INT64_MAX);
  config->encoding.frame_size =
      reader.parameter("frame", PAXECT_PARAM_FRAME_SIZE, kSmallestFrame, kLargestFrame);
  const bool automatic = reader.text("channels", "1") == "auto";
  config->encoding.channels = automatic ? std::int64_t{PAXECT_CHANNELS_AUTO}
                                        : reader.parameter("channels", PAXECT_PARAM_CHANNELS, 1, 8);
  config->encoding.protect = reader.parameter("protect", PAXECT_PARAM_PROTECT, 0, INT64_MAX);
  if (config->core.command.empty()) return;
  for (const char* key : {"level", "frame", "channels", "protect"})
    if (host.get(key, nullptr) != nullptr)
      config->warnings.push_back(std::string(key) + " (" + host.describe(key) + ") has no effect: " +
                                 config->core.name() + " encodes: give it the option in the setting core");
}

// The relay's records are beside its lock, or where the administrator says.
void read_state(const Host& host, SettingReader& reader, LinkConfig* config) {
  config->state = config->lock;
  if (host.get("state", nullptr) != nullptr) {
    const std::string directory = reader.path("state", "");
    config->state = join(directory == "/" ? "" : directory, base_name(config->lock));
    return;
  }
  const std::string directory = directory_name(config->lock);
  if (is_in_memory(directory))
    config->warnings.push_back(
        directory + " is in memory, and a reboot takes from it what was delivered and not yet removed: set " +
        "state to a directory on a disk");
}

}  // namespace

std::string ExternalCore::name() const {
  bool fits = line.size() <= kMaxShownCommand;
  return "core '" + (fits ? line : line.substr(0, kMaxShownCommand) + "...") + "'";
}

std::string_view name_of(ProofMode mode) {
  return mode == ProofMode::kOff ? "off" : mode == ProofMode::kCheck ? "check" : "require";
}

std::string_view name_of(Mode mode) {
  return mode == Mode::kRelay ? "relay" : mode == Mode::kSend ? "send" : "receive";
}

Status read_config(const Host& host, KeyUse key_use, LinkConfig* config) {
  SettingReader reader(host);
  refuse_unknown_keys(host, reader);
  read_node(host, reader, config);
  config->mode = static_cast<Mode>(reader.choice("mode", {"relay", "send", "receive"}));
  config->inbox = reader.path("inbox", "inbox");
  config->outbox = reader.path("outbox", "outbox");
  config->policy = reader.path("policy", "link_policy.json");
  config->manifest = reader.path("manifest", "link_manifest.json");
  config->log = reader.path("log", "paxect_link_log.jsonl");
  config->log_max = reader.number("log_max", 5242880, 1024, std::uint64_t{1} << 50);
  config->lock = reader.path("lock", ".paxect_link.lock");
  config->locks_needed = reader.choice("locks", {"on", "off"}) == 0;
  config->outbox_is_mount = reader.boolean("outbox_is_mount", false);
  read_state(host, reader, config);
  config->poll_ns = std::max(reader.seconds("poll_sec", "2.0", 0), kShortestPoll);
  config->backoff_ns = reader.seconds("backoff_sec", "5.0", 0);
  read_hmac_key(host, key_use, reader, config);
  read_sign_key(host, key_use, reader, config);
  read_lists(host, key_use, reader, config);
  config->peers = reader.path("peers", join(directory_name(config->policy), "peers"));
  read_proof(host, reader, config);
  read_core(host, reader, config);
  config->core.timeout_ns = reader.seconds("core_timeout_sec", "60", 0);
  config->quarantine = reader.path("quarantine", default_quarantine_of(config->inbox));
  if (host.get("metrics_file", nullptr) != nullptr) config->metrics_file = reader.path("metrics_file", "");
  config->sandbox = static_cast<SandboxMode>(reader.choice("sandbox", {"auto", "off", "require"}));
  config->naming = static_cast<Naming>(reader.choice("names", {"stem", "full"}));
  config->recursive = reader.boolean("recursive", false);
  config->settle_ns = reader.number("settle_ms", 500, 0, 86400000) * kMillisecond;
  config->min_age_ns = reader.number("min_age_ms", 0, 0, 86400000) * kMillisecond;
  read_encoding(host, reader, config);
  const std::string ignore = reader.text("ignore", std::string(kDefaultIgnore));
  if (Status status = config->ignore.parse(ignore); !status.ok())
    reader.fail("ignore", ignore, status.message);
  config->max_attempts = static_cast<unsigned>(reader.number("max_attempts", 5, 1, 1000000));
  if (config->inbox == config->outbox)
    reader.fail("outbox", config->outbox, "the outbox must not be the inbox");
  if (!reader.failed()) {  // a path that is faulty by itself would seem to be another's
    refuse_path_conflicts(host, *config, &reader);
  }
  return reader.failed() ? Status::invalid(host.log_all_but_last(reader.faults())) : Status::success();
}

}  // namespace paxect::link
