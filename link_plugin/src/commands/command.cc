#include "commands/command.h"

#include <boost/program_options.hpp>
#include <exception>
#include <iterator>
#include <string_view>

#include "base/host.h"

namespace paxect::link {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kAnyNumber = 1'000'000;
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

constexpr Command kCommands[] = {
    {{sizeof(paxect_command), "status", "[--json]", "is it running, what waits, what was delivered"},
     "Tells whether a relay holds the lock, what waits in the inbox by the rules of the relay, what is in\n"
     "flight, the last delivery and the rates by the end of the log, the quarantine and the peers.\n"
     "Exit status 0: a relay is running; 1: none is.\n",
     true,
     false,
     false,
     false,
     0,
     0,
     run_status},
    {{sizeof(paxect_command), "explain", "FILE [--json]", "what is, or has become, of a file"},
     "Tells the state of a file of the inbox or the quarantine, why, how often it was tried and when it is\n"
     "tried next, or what the log has of one that is gone. FILE is a path, or a name in the inbox.\n"
     "Exit status 1: nothing is known of it.\n",
     true,
     false,
     false,
     false,
     1,
     1,
     run_explain},
    {{sizeof(paxect_command), "waiting", "[--json]", "the files that could not be delivered, and what to do"},
     "Lists the files of the inbox that are blocked, held or tried again, at most 1000, each with the "
     "reason\n"
     "and the remedy, as the relay has last reported them.\n",
     true,
     false,
     false,
     false,
     0,
     0,
     run_waiting},
    {{sizeof(paxect_command), "quarantine", "list|show|retry|drop [NAME]... [--json]",
      "what was given up, and what to do with it"},
     "  list           all there is, with the reason of each\n"
     "  show NAME...   everything known of these\n"
     "  retry NAME...  back to where in the inbox they came from; nothing is overwritten\n"
     "  drop NAME...   remove these for good\n\n"
     "A sidecar and the reason file go with their file. Names are those that list shows.\n"
     "Exit status 1: some of the names could not be worked on.\n",
     true,
     false,
     false,
     false,
     1,
     kAnyNumber,
     run_quarantine},
    {{sizeof(paxect_command), "peers", "[--json]", "the other nodes: manifests, keys, and their last lists"},
     "Judges each link_manifest*.json beside our own by the key and the policy as they are now: signed,\n"
     "unsigned, unverified (signed, but we have no key), rejected or unreadable. Lists the pinned keys, and "
     "in\n"
     "mode receive each stream of lists: its state, the last list and when it was verified, since when the\n"
     "sender is silent, and how many of its containers were delivered, are expected and are missing.\n",
     true,
     false,
     false,
     false,
     0,
     0,
     run_peers},
    {{sizeof(paxect_command), "missing", "[[written_off] --request FILE] [--json]",
      "what senders have listed and is not here"},
     "Lists the containers that verified lists name and that were not delivered, by sender and number: "
     "expected,\n"
     "or missing when their list is older than late_after; and numbers that no list fills. --request FILE\n"
     "writes that, signed by sign_key, as a receipt that somebody can carry to the sender; into a folder, "
     "one\n"
     "for each sender; with written_off it asks for what write_off has ended too.\n"
     "Exit status 0: nothing is missing; 1: something is.\n",
     true,
     false,
     false,
     true,
     0,
     1,
     run_missing},
    {{sizeof(paxect_command), "key", "new|show|pin|retire|revoke [ARGUMENT]... [--json]",
      "the key of this node, and those of its peers"},
     "  new PATH            make a secret key, PATH, and its public one, PATH.pub\n"
     "  show                the public key of sign_key; with --json also the pinned ones\n"
     "  pin NAME FILE       take the public key in FILE as a key of the node NAME\n"
     "  retire NAME FILE [STREAM NUMBER]\n"
     "                      take the lists of the key in FILE up to this one of the stream, and none after\n"
     "                      it; without STREAM up to those that lists of another key continue\n"
     "  revoke NAME [FILE]  take none of its keys any more, or not the one in FILE\n\n"
     "Keys are files of minisign. No key is ever replaced; one that was retired or revoked is kept, as\n"
     "FILE.retired or FILE.revoked.\n",
     true,
     false,
     false,
     false,
     1,
     5,
     run_key},
    {{sizeof(paxect_command), "sent", "[--json]", "what of what was sent its receivers have confirmed"},
     "Mode send, with sign_key: how many containers were listed, what the receipts of each receiver say of\n"
     "them, and of each source that the setting keep holds back, who has not confirmed it and since when.\n"
     "Exit status 1: something is not confirmed, or a receipt does not count.\n",
     true,
     false,
     false,
     false,
     0,
     0,
     run_sent},
    {{sizeof(paxect_command), "receipt", "import FILE... [--json]",
      "take a receipt that came on another way"},
     "Checks each receipt FILE, with its signature FILE.minisig, by the pinned key of its node, and copies "
     "it\n"
     "to where the relay reads it. Receipts in the folder receipts_in need no import.\n",
     true,
     false,
     false,
     false,
     2,
     kAnyNumber,
     run_receipt},
    {{sizeof(paxect_command), "resend", "REQUEST [--json]", "send again what a receiver misses"},
     "REQUEST is a signed receipt of a receiver. The relay sends each container again that it says is "
     "missing,\n"
     "under the same number, from the source that the setting keep has kept.\n"
     "Exit status 1: the sources of some of them are not kept.\n",
     true,
     false,
     false,
     false,
     1,
     1,
     run_resend},
    {{sizeof(paxect_command), "write_off", "[NODE] STREAM REASON [--json]",
      "wait no more for what a stream lacks for good"},
     "What is missing of the STREAM now, or refused, or in mode send not confirmed and without its source, "
     "ends\n"
     "no command with status 1 and no alert any more. The relay does it, of what this command has found, "
     "and\n"
     "logs it with the REASON. What comes all the same is delivered. NODE is needed where several senders "
     "have a\n"
     "stream of this name.\n"
     "Exit status 1: nothing can be written off, or sources are kept that can be sent again.\n",
     true,
     false,
     false,
     false,
     2,
     3,
     run_write_off},
    {{sizeof(paxect_command), "place", "[adopt ROLE] [--json]", "is the right disk under inbox and outbox"},
     "Lists inbox, outbox and quarantine: what is under the path of each (here: the directory from before),\n"
     "what is mounted there, and the deliveries that are unfinished. `adopt` says that the directory there\n"
     "now is the inbox, outbox or quarantine from now on.\n"
     "Exit status 1: the relay waits for one of them.\n",
     true,
     false,
     false,
     false,
     0,
     2,
     run_place},
    {{sizeof(paxect_command), "stats", "[LOG]... [--json]", "count what is in the audit log"},
     "Counts events, and the files and bytes of each direction with their throughput from the first to the\n"
     "last of them. Reads the configured log, or each LOG, with the rotated ones beside it\n"
     "(STEM.TIME.jsonl). Lines that are torn or not the relay's are counted and passed over.\n",
     true,
     false,
     false,
     false,
     0,
     kAnyNumber,
     run_stats},
    {{sizeof(paxect_command), "audit", "[LOG]... [--witness FILE]... [--json]",
      "is the audit log as it was written"},
     "Checks the chain of the configured log, or of each LOG, through the rotated ones beside it: whether a\n"
     "line was changed, removed, inserted or moved. That lines are missing at the end, or that all was made\n"
     "again, shows only by --witness: a list, a receipt, or a file with the head that audit printed before.\n"
     "Exit status 0: intact; 1: not, or a witness does not agree.\n",
     true,
     false,
     true,
     false,
     0,
     kAnyNumber,
     run_audit},
    {{sizeof(paxect_command), "doctor", "DIR [--json]", "try what the relay needs of a directory's disk"},
     "Tries, in a hidden directory made in DIR and removed again, what the guarantees of the relay depend\n"
     "on, and reports which of them hold there. Exit status 0: all do; 1: some do not.\n",
     true,
     false,
     false,
     false,
     1,
     1,
     run_doctor},
    {{sizeof(paxect_command), "smoke", "[DIR] [--junit FILE] [--json]", "a trial run of core and relay"},
     "Encodes and decodes files of its own with the core of the settings, then relays them by a\n"
     "`paxect run` of its own, in a hidden directory made in DIR ($TMPDIR, or /tmp) and removed again. The\n"
     "relay of the settings is left alone. --junit FILE is a report for CI systems.\n"
     "Exit status 0: all passed; 1: something failed; the report is written in both cases.\n",
     true,
     true,
     false,
     false,
     0,
     1,
     run_smoke_command},
};

const paxect_command* command_at(std::uint32_t index) noexcept {
  return plugin::command_at(kCommands, index);
}

std::string synopsis(const Command& command) {
  return std::string(command.listing.name) + " " + command.listing.arguments;
}

paxect_plugin_status run_one(const Command& command, const Host& host,
                             const std::vector<std::string>& given) {
  Console console(host);
  Arguments arguments;
  bool help = false;
  if (Status status = parse_arguments(command, given, &arguments, &help); !status.ok()) {
    host.log(PAXECT_LOG_ERROR, status.message);
    return PAXECT_PLUGIN_USAGE;
  }
  if (help) {
    console.print(synopsis(command) + ": " + command.listing.summary + "\n\n" + command.help);
    return PAXECT_PLUGIN_OK;
  }
  return command.run(Call(host, &console, arguments));
}

paxect_plugin_status run(const paxect_host* host, std::int32_t argc, const char* const* argv) noexcept {
  return plugin::run_command(host, argc, argv, kCommands, run_one);
}

}  // namespace

Status parse_arguments(const Command& command, const std::vector<std::string>& given, Arguments* out,
                       bool* help) {
  po::options_description options;
  options.add_options()("help,h", "")("word", po::value<std::vector<std::string>>());
  if (command.takes_json) options.add_options()("json", "");
  if (command.takes_junit) options.add_options()("junit", po::value<std::string>());
  if (command.takes_witness) options.add_options()("witness", po::value<std::vector<std::string>>());
  if (command.takes_request) options.add_options()("request", po::value<std::string>());
  po::positional_options_description words;
  words.add("word", -1);
  po::variables_map values;
  std::string usage = ": use " + synopsis(command);
  try {
    po::store(po::command_line_parser(given).options(options).positional(words).style(kStyle).run(), values);
  } catch (const po::error& problem) {
    return Status::invalid(problem.what() + usage);
  }
  *help = values.count("help") != 0;
  if (*help) return Status::success();
  out->json = values.count("json") != 0;
  if (values.count("junit") != 0) out->junit = values["junit"].as<std::string>();
  if (values.count("witness") != 0) out->witnesses = values["witness"].as<std::vector<std::string>>();
  if (values.count("request") != 0) out->request = values["request"].as<std::string>();
  if (values.count("word") != 0) out->words = values["word"].as<std::vector<std::string>>();
  if (out->words.size() < command.least_words) return Status::invalid("too few words" + usage);
  if (out->words.size() > command.most_words) return Status::invalid("too many words" + usage);
  return Status::success();
}

const paxect_commands_extension* commands_extension() {
  static constexpr paxect_commands_extension kExtension = {sizeof kExtension, command_at, run};
  return &kExtension;
}

}  // namespace paxect::link
