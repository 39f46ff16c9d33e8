#include "commands/command.h"

#include "state_directory.h"

namespace paxect::carrier {
namespace {

struct Command {
  paxect_command listing;
  const char* help;
  std::size_t words;
  paxect_plugin_status (*run)(const Call& call);
};

constexpr Command kCommands[] = {
    {{sizeof(paxect_command), "status", "[--json]",
      "is it running and connected, what waits, what holds it up"},
     "Reports what the running instance has written last, at most a second ago.\n"
     "Exit status 0: an instance is running, connected, and nothing holds it up; 1: not so.\n",
     0,
     run_status},
    {{sizeof(paxect_command), "explain", "NAME [--json]", "what is, or has become, of a file"},
     "NAME is a path in the folder. Reports its state, the receiver that has claimed it and the reason why "
     "it waits, or\n"
     "what the records and the log have of one that is gone.\n"
     "Exit status 1: nothing is known of it.\n",
     1,
     run_explain},
    {{sizeof(paxect_command), "doctor", "[--json]", "tries the folder, the servers and the streams"},
     "Makes, flushes and renames a file in the folder, connects to each server, and compares the streams.\n"
     "Exit status 1: something does not work.\n",
     0,
     run_doctor},
    {{sizeof(paxect_command), "peers", "[--json]",
      "the senders and receivers of the subject that are connected"},
     "Asks all instances that share the subject, for a second.\n"
     "Exit status 1: none answers.\n",
     0,
     run_peers},
    {{sizeof(paxect_command), "forget", "RECEIVER [--json]", "gives up a receiver that does not come back"},
     "RECEIVER is the ID that status and peers name. Shows where it was, when it was last seen and how many "
     "lists wait for it,\n"
     "and has this sender forget it: lists wait for the others alone. One that comes back after all is known "
     "again, and\n"
     "gets the lists that the server still has. Each sender of the subject forgets by itself. One that does "
     "not run decides\n"
     "20 seconds after its start.\n"
     "Exit status 0: it is forgotten, or the sender does not run and has the request. 1: it is connected, "
     "not "
     "known, or not\n"
     "forgotten yet, or the sender is not connected.\n",
     1,
     run_forget},
};

const paxect_command* command_at(std::uint32_t index) noexcept {
  return plugin::command_at(kCommands, index);
}

std::string synopsis(const Command& command) {
  return std::string(command.listing.name) + " " + command.listing.arguments;
}

paxect_plugin_status run_one(const Command& command, const Host& host,
                             const std::vector<std::string>& given) {
  Call early(host, {});
  bool only_words = false;
  for (const std::string& word : given) {
    if (!only_words && (word == "-h" || word == "--help")) {
      early.line(synopsis(command) + ": " + command.listing.summary + "\n\n" + command.help);
      return PAXECT_PLUGIN_OK;
    }
    if (!only_words && word == "--") {
      only_words = true;
    } else if (!only_words && word == "--json") {
      early.json = true;
    } else if (!only_words && word.starts_with("-")) {
      host.log(PAXECT_LOG_ERROR, "unrecognised option '" + word + "': use " + synopsis(command));
      return PAXECT_PLUGIN_USAGE;
    } else {
      early.words.push_back(word);
    }
  }
  if (early.words.size() != command.words) {
    host.log(PAXECT_LOG_ERROR, std::string("too ") + (early.words.size() < command.words ? "few" : "many") +
                                   " words: use " + synopsis(command));
    return PAXECT_PLUGIN_USAGE;
  }
  Settings settings;
  if (const Status status = read_settings(host, &settings); !status.ok()) return early.fail(status);
  Call call(host, settings);
  call.words = early.words;
  call.json = early.json;
  return command.run(call);
}

paxect_plugin_status run(const paxect_host* host, std::int32_t argc, const char* const* argv) noexcept {
  return plugin::run_command(host, argc, argv, kCommands, run_one);
}

}  // namespace

void Call::row(std::string_view name, std::string_view value) const {
  constexpr std::size_t kWidth = 14;
  std::string text(name);
  text.resize(std::max(kWidth, text.size() + 1), ' ');
  line(text + std::string(value));
}

std::vector<ReportedReceiver> reported_receivers(const JsonReader& report) {
  std::vector<ReportedReceiver> all;
  const json::Value* receivers = report.find("receivers");
  if (receivers == nullptr || !receivers->IsArray()) return all;
  for (const json::Value& one : receivers->GetArray()) {
    ReportedReceiver receiver;
    if (!get_text(one, "id", &receiver.id) || !get_text(one, "place", &receiver.place) ||
        !get_text(one, "last_seen_utc", &receiver.last_seen_utc))
      continue;
    if (one.HasMember("lists") && one["lists"].IsUint64()) receiver.lists = one["lists"].GetUint64();
    receiver.is_connected = one.HasMember("connected") && one["connected"].IsTrue();
    all.push_back(std::move(receiver));
  }
  return all;
}

std::string shown(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

Status read_report(const Settings& settings, std::string* text) {
  constexpr std::size_t kLimit = 16 * 1024 * 1024;
  bool missing = false;
  text->clear();
  Status status = read_file(settings.state + "/status.json", kLimit, text, &missing);
  while (text->ends_with('\n')) text->pop_back();
  return status;
}

const paxect_commands_extension* commands_extension() {
  static constexpr paxect_commands_extension kExtension = {sizeof kExtension, command_at, run};
  return &kExtension;
}

}  // namespace paxect::carrier
