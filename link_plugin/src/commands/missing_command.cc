// `missing`: what senders have listed and is not here, as the journal of the receiver has it.
#include <sys/stat.h>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/relay_context.h"
#include "proof/signature.h"
#include "records/stream_state.h"
#include "relay/receipts.h"
#include "settings/pinned_keys.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxShown = 1000;  // entries of a stream

// A stream with the entries that are not here.
struct Missing {
  const ReceivedStream* stream = nullptr;
  std::vector<OutcomeRange> ranges = {};  // expected and missing ones
  std::uint64_t expected = 0;
  std::uint64_t missing = 0;
  bool is_silent = false;
};

std::vector<Missing> find_missing(const ReceivedStreams& received, const LinkConfig& config,
                                  const std::vector<NodeKey>& keys, std::int64_t now) {
  std::vector<Missing> all;
  for (const ReceivedStream& stream : received.streams()) {
    if (stream.runs.empty()) continue;
    Missing found{.stream = &stream};
    for (const OutcomeRange& range : stream.outcomes(now, static_cast<std::int64_t>(config.late_after))) {
      if (range.outcome != Outcome::kExpected && range.outcome != Outcome::kMissing) continue;
      (range.outcome == Outcome::kMissing ? found.missing : found.expected) += range.last - range.first + 1;
      found.ranges.push_back(range);
    }
    found.is_silent = state_of(received, stream, keys) == StreamState::kLive &&
                      silent_since(stream, now, config.late_after).has_value();
    all.push_back(std::move(found));
  }
  return all;
}

const char* name_of(Outcome outcome) { return outcome == Outcome::kMissing ? "missing" : "expected"; }

// Each entry of a list, and each range of numbers that is in none, until `each` returns false.
template <class Each>
void each_item(const Missing& found, const Each& each) {
  for (const OutcomeRange& range : found.ranges)
    for (std::uint64_t number = range.first; number <= range.last; ++number) {
      const auto entry = found.stream->entries.find(number);
      const auto next = found.stream->entries.lower_bound(number);
      const bool is_listed = entry != found.stream->entries.end();
      std::uint64_t last = number;
      if (!is_listed)
        last = next == found.stream->entries.end() ? range.last : std::min(range.last, next->first - 1);
      if (!each(range.outcome, number, last, is_listed ? &entry->second : nullptr)) return;
      number = last;
    }
}

void print_json(const std::vector<Missing>& all, bool is_complete, Console* console) {
  JsonLine json;
  json.add("complete", is_complete);
  json.begin_array("streams");
  for (const Missing& found : all) {
    const ReceivedStream& stream = *found.stream;
    json.begin_element();
    json.add("sender", stream.address.node);
    json.add("stream", stream.address.stream);
    json.add("last_list", stream.last_list());
    json.add("heard_utc", utc_text(stream.heard * static_cast<std::int64_t>(kSecond)));
    json.add("within", stream.within);
    json.add("silent", found.is_silent);
    json.add("forked", stream.is_forked);
    json.add("expected", found.expected);
    json.add("missing", found.missing);
    json.begin_array("entries");
    std::size_t shown = 0;
    each_item(found,
              [&](Outcome outcome, std::uint64_t first, std::uint64_t last, const ReceivedEntry* entry) {
                json.begin_element();
                json.add("first", first);
                json.add("last", last);
                json.add("state", name_of(outcome));
                json.add("list", entry == nullptr ? std::uint64_t{0} : entry->list);
                json.add("name", entry == nullptr ? "" : entry->name);
                json.end_object();
                return ++shown < kMaxShown;
              });
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

void print_text(const std::vector<Missing>& all, bool is_complete, Console* console) {
  if (all.empty()) return console->line("no list was verified yet");
  for (const Missing& found : all) {
    const ReceivedStream& stream = *found.stream;
    std::string text = "list " + std::to_string(stream.last_list()) + " of " +
                       utc_text(stream.heard * static_cast<std::int64_t>(kSecond)) + ": " +
                       std::to_string(found.missing) + " missing, " + std::to_string(found.expected) +
                       " expected";
    if (stream.is_forked) text += "; forked: nothing more is delivered";
    if (found.is_silent) text += "; silent";
    console->row(shown(stream.address.node), text);
    std::size_t lines = 0;
    each_item(found, [&](Outcome outcome, std::uint64_t first, std::uint64_t last,
                         const ReceivedEntry* entry) {
      const std::string numbers =
          first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
      console->row("  " + numbers, std::string(name_of(outcome)) + "  " +
                                       (entry == nullptr ? "in a list that never came" : shown(entry->name)));
      return ++lines < kMaxShown;
    });
    if (lines == kMaxShown) console->row("", "and more");
  }
  if (is_complete) console->line("nothing is missing");
}

// The file and its signature, durable; never replaces one.
Status write_request(const Missing& found, const LinkConfig& config, std::int64_t now, std::string path) {
  // A stream of its own: the numbers of the relay's receipts are the relay's.
  const Receipt receipt =
      make_receipt(*found.stream, config.node, make_stream(), 1, "", now, config.late_after, {});
  const std::string text = receipt_text(receipt);
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    path = join(path, receipt_of(config.node, receipt.head.stream, 1));
  const std::string signature = sign_file(*config.sign_key.key(), text, base_name(path));
  Status status = create_file(signature_of(path), signature, kFileMode & 0644U);
  return status.ok() ? create_file(path, text, kFileMode & 0644U) : status;
}

Status write_requests(const std::vector<Missing>& all, const LinkConfig& config, std::int64_t now,
                      const std::string& path) {
  if (!config.sign_key.key())
    return Status::invalid(
        "a request is signed, and there is no sign_key that can be read here: set sign_key");
  if (!is_node_name(config.node))
    return Status::invalid("node = '" + config.node + "' cannot be in a request: give the node a plain name");
  struct stat info {};
  const bool is_folder = stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  std::vector<const Missing*> wanted;
  for (const Missing& found : all)
    if (found.missing > 0) wanted.push_back(&found);
  if (wanted.size() > 1 && !is_folder)
    return Status::invalid(
        "containers of several streams are missing: give --request a folder for a file of each");
  for (const Missing* found : wanted)
    if (Status status = write_request(*found, config, now, path); !status.ok()) return status;
  return Status::success();
}

}  // namespace

paxect_plugin_status run_missing(const Call& call) {
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  if (context.config.mode != Mode::kReceive)
    return call.fail(PAXECT_PLUGIN_CONFIG, "mode " + std::string(name_of(context.config.mode)) +
                                               " reads no lists: ask where mode = receive");
  JournalContents journal;
  if (Status status = read_journal(journal_of(context.config.state), &journal); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::vector<PinnedKey> pinned;
  if (Status status = read_pinned_keys(context.config.peers, &pinned); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  const std::int64_t now = call.host().realtime_ns() / static_cast<std::int64_t>(kSecond);
  const std::vector<Missing> all = find_missing(journal.received, context.config, node_keys_of(pinned), now);
  bool is_complete = true;
  for (const Missing& found : all) is_complete = is_complete && found.missing == 0;
  if (call.arguments().request)
    if (Status status = write_requests(all, context.config, now, *call.arguments().request); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (call.arguments().json)
    print_json(all, is_complete, &call.console());
  else
    print_text(all, is_complete, &call.console());
  return is_complete ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
