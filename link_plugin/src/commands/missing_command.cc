// `missing`: what senders have listed and is not here, as the journal of the receiver has it.
#include <sys/stat.h>

#include <algorithm>
#include <deque>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/relay_context.h"
#include "commands/waiting_lists.h"
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
  std::vector<OutcomeRange> ranges = {};  // all but those that were delivered
  std::uint64_t expected = 0;
  std::uint64_t missing = 0;
  std::uint64_t refused = 0;
  std::uint64_t not_ours = 0;   // of these: nobody here waits for them
  std::uint64_t lists = 0;      // at the end of a stream that is over
  std::uint64_t continued = 0;  // the last list that another stream says there is
  // Of the entries that do not count because the key was retired, nobody waits for those from this one on.
  std::uint64_t first_not_awaited = UINT64_MAX;
  bool is_live = false;
  bool is_silent = false;
  bool is_stopped = false;  // forked, and no other stream continues it

  std::uint64_t& count(Outcome outcome) {
    return outcome == Outcome::kMissing ? missing : outcome == Outcome::kRefused ? refused : expected;
  }
};

// What the journal and the lists in the inbox say.
struct Findings {
  std::deque<ReceivedStream> unseen = {};  // of which no list came, with their names alone
  std::vector<Missing> streams = {};
  std::vector<WaitingList> lists = {};
  std::string problem = {};  // why there may be more lists

  // A sender with several streams is silent when each of them is.
  bool is_silent(const std::string& node) const {
    return std::none_of(streams.begin(), streams.end(), [&](const Missing& each) {
      return each.stream->address.node == node && each.is_live && !each.is_silent;
    });
  }
  bool is_complete() const {
    return lists.empty() && problem.empty() &&
           std::none_of(streams.begin(), streams.end(), [&](const Missing& each) {
             return each.missing > 0 || each.lists > 0 || each.refused > each.not_ours || each.is_stopped ||
                    (each.is_silent && is_silent(each.stream->address.node));
           });
  }
};

bool is_continued(const ReceivedStreams& received, const ReceivedStream& stream) {
  const auto& all = received.streams();
  return std::any_of(all.begin(), all.end(), [&](const ReceivedStream& other) {
    return other.address.node == stream.address.node && other.continues &&
           other.continues->stream == stream.address.stream;
  });
}

// How many entries of the range nobody here waits for.
std::uint64_t count_not_ours(const Missing& found, const OutcomeRange& range) {
  if (!is_not_ours(range.reason)) return 0;
  const std::uint64_t first =
      range.reason == kKeyRetired ? std::max(range.first, found.first_not_awaited) : range.first;
  return first > range.last ? 0 : range.last - first + 1;
}

void find_missing(const ReceivedStreams& received, const LinkConfig& config, const std::vector<NodeKey>& keys,
                  std::int64_t now, Findings* out) {
  for (const ReceivedStream& stream : received.streams()) {
    // A damaged journal may have lost all of its lists.
    if (stream.runs.empty() && received.lists_missing(stream) == 0) continue;
    Missing found{.stream = &stream, .continued = continued_after(received, stream)};
    found.first_not_awaited = first_not_awaited(received, stream);
    for (const OutcomeRange& range : stream.outcomes(now, static_cast<std::int64_t>(config.late_after))) {
      if (range.outcome == Outcome::kDelivered) continue;
      found.count(range.outcome) += range.last - range.first + 1;
      found.not_ours += count_not_ours(found, range);
      found.ranges.push_back(range);
    }
    found.lists = received.lists_missing(stream);
    found.is_live = state_of(received, stream, keys) == StreamState::kLive;
    found.is_silent = found.is_live && silent_since(stream, now, config.late_after).has_value();
    found.is_stopped = stream.is_forked && !is_continued(received, stream);
    out->streams.push_back(std::move(found));
  }
  for (const UnseenStream& each : unseen_streams(received)) {
    if (each.lists == 0) continue;
    out->unseen.push_back({.address = {each.node, "", each.stream}});
    out->streams.push_back({.stream = &out->unseen.back(), .lists = each.lists, .continued = each.last_list});
  }
}

const char* name_of(Outcome outcome) {
  return outcome == Outcome::kMissing ? "missing" : outcome == Outcome::kRefused ? "refused" : "expected";
}

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
      if (!each(range, number, last, is_listed ? &entry->second : nullptr)) return;
      number = last;
    }
}

// What says that the content of an entry that is not here was delivered by another one: of two senders that
// send one file under one name, one container replaces the other.
const ReceivedStream* delivered_by(const ReceivedStreams& received, const ReceivedEntry* entry,
                                   std::uint64_t* number) {
  // One that is being delivered is found itself.
  if (entry == nullptr || entry->intent != 0) return nullptr;
  const auto used = received.find_used(entry->digest);
  if (!used) return nullptr;
  *number = used->number;
  return &received.streams()[used->stream];
}

void print_json(const Findings& findings, const ReceivedStreams& received, Console* console) {
  JsonLine json;
  json.add("complete", findings.is_complete());
  json.begin_array("streams");
  for (const Missing& found : findings.streams) {
    const ReceivedStream& stream = *found.stream;
    json.begin_element();
    json.add("sender", stream.address.node);
    json.add("stream", stream.address.stream);
    json.add("last_list", stream.last_list());
    if (stream.runs.empty())
      json.add_null("heard_utc");
    else
      json.add("heard_utc", utc_text(stream.heard * static_cast<std::int64_t>(kSecond)));
    json.add("within", stream.within);
    json.add("silent", found.is_silent);
    json.add("forked", stream.is_forked);
    json.add("expected", found.expected);
    json.add("missing", found.missing);
    json.add("lists_missing", found.lists);
    json.add("refused", found.refused);
    json.begin_array("entries");
    std::size_t shown = 0;
    each_item(found, [&](const OutcomeRange& range, std::uint64_t first, std::uint64_t last,
                         const ReceivedEntry* entry) {
      json.begin_element();
      json.add("first", first);
      json.add("last", last);
      json.add("state", name_of(range.outcome));
      json.add("list", entry == nullptr ? std::uint64_t{0} : entry->list);
      json.add("name", entry == nullptr ? "" : entry->name);
      json.add("reason", range.reason);
      std::uint64_t other = 0;
      const ReceivedStream* by = delivered_by(received, entry, &other);
      json.add("delivered_as", by == nullptr ? "" : by->address.node + " " + std::to_string(other));
      json.end_object();
      return ++shown < kMaxShown;
    });
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.begin_array("lists");
  for (std::size_t i = 0; i < findings.lists.size() && i < kMaxShown; ++i) {
    const WaitingList& list = findings.lists[i];
    json.begin_element();
    json.add("file", list.path);
    json.add("sender", list.sender);
    json.add("number", list.number);
    json.add("state", list.state);
    json.add("reason", list.why);
    json.end_object();
  }
  json.end_array();
  json.add("problem", findings.problem);
  json.finish(console);
}

void print_lists(const std::vector<WaitingList>& lists, Console* console) {
  for (std::size_t i = 0; i < lists.size() && i < kMaxShown; ++i)
    console->row("list " + lists[i].state, shown(lists[i].path) + ": " + shown(lists[i].why));
  if (lists.size() > kMaxShown) console->row("", "and more");
}

// What is missing at the end of a stream that another one continues.
std::string lists_text(const Missing& found) {
  if (found.lists == 0) return "";
  const std::string lists = "; " + count_text(found.lists, "list");
  const std::uint64_t counted = found.stream->counts_through;
  if (found.continued <= counted)
    return lists + " after it never came, with what they name: another stream continues this one";
  return lists + " after list " + std::to_string(counted) +
         " do not count, nor does what they name: the key was retired after that one, and another stream "
         "continues this one after list " +
         std::to_string(found.continued) +
         " (--request asks for it; if that list is the sender's own, retire the key after it)";
}

// Of a stream of which no list is known.
std::string unseen_text(const Missing& found) {
  return "no list of stream " + found.stream->address.stream + " came: " + count_text(found.lists, "list") +
         " missing, with what they name: another stream continues it after list " +
         std::to_string(found.continued);
}

void print_text(const Findings& findings, const ReceivedStreams& received, Console* console) {
  if (findings.streams.empty()) console->line("no list was verified yet");
  for (const Missing& found : findings.streams) {
    const ReceivedStream& stream = *found.stream;
    if (stream.runs.empty()) {
      console->row(shown(stream.address.node), unseen_text(found));
      continue;
    }
    std::string text = "list " + std::to_string(stream.last_list()) + " of " +
                       utc_text(stream.heard * static_cast<std::int64_t>(kSecond)) + ": " +
                       std::to_string(found.missing) + " missing, " + std::to_string(found.expected) +
                       " expected";
    if (found.refused > 0) text += ", " + std::to_string(found.refused) + " refused";
    text += lists_text(found);
    if (stream.is_forked) text += "; forked: nothing more is delivered";
    if (found.is_silent) text += "; silent";
    console->row(shown(stream.address.node), text);
    std::size_t lines = 0;
    each_item(found, [&](const OutcomeRange& range, std::uint64_t first, std::uint64_t last,
                         const ReceivedEntry* entry) {
      const std::string numbers =
          first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
      std::string reason = range.reason.empty() ? "" : " (" + range.reason + ")";
      std::uint64_t other = 0;
      if (const ReceivedStream* by = delivered_by(received, entry, &other))
        reason += "; the same content was delivered as entry " + std::to_string(other) + " of " +
                  shown(by->address.node);
      const bool is_lost = entry == nullptr && found.stream->is_listed(first);
      console->row("  " + numbers, std::string(name_of(range.outcome)) + "  " +
                                       (entry != nullptr ? shown(entry->name)
                                        : is_lost        ? "a damaged journal has lost what became of it"
                                                         : "in a list that never came") +
                                       reason);
      return ++lines < kMaxShown;
    });
    if (lines == kMaxShown) console->row("", "and more");
  }
  print_lists(findings.lists, console);
  if (!findings.problem.empty()) console->row("unknown", "what lists wait: " + shown(findings.problem));
  if (findings.is_complete() && !findings.streams.empty()) console->line("nothing is missing");
}

// What was refused is not here either: it has to be sent again.
// What was written off too, where it is asked for.
std::vector<OutcomeRange> requested(const Missing& found, const std::vector<OutcomeRange>& outcomes,
                                    bool with_written_off) {
  std::vector<OutcomeRange> wanted;
  const auto add = [&](const OutcomeRange& range) {
    if (range.first > range.last) return;
    if (!wanted.empty() && wanted.back().outcome == range.outcome && wanted.back().reason == range.reason)
      wanted.back().last = range.last;
    else
      wanted.push_back(range);
  };
  for (const OutcomeRange& range : outcomes) {
    // Those that nobody waits for are the last ones of the range.
    const bool is_wanted = with_written_off && range.reason == kWrittenOff;
    const std::uint64_t end = range.last + 1 - (is_wanted ? 0 : count_not_ours(found, range));
    if (range.outcome != Outcome::kRefused) {
      add(range);
      continue;
    }
    add({.outcome = Outcome::kMissing, .first = range.first, .last = end - 1});
    add({.outcome = Outcome::kRefused, .first = end, .last = range.last, .reason = range.reason});
  }
  return wanted;
}

// The file and its signature, durable; never replaces one.
Status write_request(const Missing& found, const LinkConfig& config, std::int64_t now, bool with_written_off,
                     std::string path) {
  // A stream of its own: the numbers of the relay's receipts are the relay's.
  Receipt receipt =
      make_receipt(*found.stream, config.node, make_stream(), 1, "", now, config.late_after, {});
  receipt.outcomes = requested(found, receipt.outcomes, with_written_off);
  const std::string text = receipt_text(receipt);
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    path = join(path, receipt_of(config.node, receipt.head.stream, 1));
  const std::string signature = sign_file(*config.sign_key.key(), text, base_name(path));
  Status status = create_file(signature_of(path), signature, kFileMode & 0644U);
  return status.ok() ? create_file(path, text, kFileMode & 0644U) : status;
}

Status write_requests(const std::vector<Missing>& all, const LinkConfig& config, std::int64_t now,
                      bool with_written_off, const std::string& path, std::size_t* written) {
  if (!config.sign_key.key())
    return Status::invalid(
        "a request is signed, and there is no sign_key that can be read here: set sign_key");
  if (!is_node_name(config.node))
    return Status::invalid("node = '" + config.node + "' cannot be in a request: give the node a plain name");
  struct stat info {};
  const bool is_folder = stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  std::vector<const Missing*> wanted;
  for (const Missing& found : all)
    if (found.missing + found.refused + found.lists > found.not_ours ||
        (with_written_off && !found.stream->written_off.empty()))
      wanted.push_back(&found);
  if (wanted.size() > 1 && !is_folder)
    return Status::invalid(
        "containers of several streams are missing: give --request a folder for a file of each");
  for (const Missing* found : wanted)
    if (Status status = write_request(*found, config, now, with_written_off, path); !status.ok())
      return status;
  *written = wanted.size();
  return Status::success();
}

}  // namespace

paxect_plugin_status run_missing(const Call& call) {
  const std::vector<std::string>& words = call.arguments().words;
  const bool with_written_off = !words.empty();
  if (with_written_off && (words[0] != "written_off" || !call.arguments().request))
    return call.fail(PAXECT_PLUGIN_USAGE, "use paxect link missing [[written_off] --request FILE] [--json]");
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  if (context.config.mode != Mode::kReceive)
    return call.fail(PAXECT_PLUGIN_CONFIG, "mode " + std::string(name_of(context.config.mode)) +
                                               " reads no lists: ask where mode = receive");
  JournalContents journal;
  if (Status status = read_journal(journal_of(context.config.state), &journal); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::vector<PinnedKey> pinned;
  if (Status status = read_pinned_keys(KeyFolder(context.config), &pinned); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  const std::int64_t now = call.host().realtime_ns() / static_cast<std::int64_t>(kSecond);
  const std::vector<NodeKey> keys = with_continued(journal.received, node_keys_of(pinned));
  Findings findings;
  find_missing(journal.received, context.config, keys, now, &findings);
  const bool is_off = context.config.proof ? *context.config.proof == ProofMode::kOff
                                           : pinned.empty() && !journal.had_keys && journal.received.empty();
  if (!is_off)
    findings.problem =
        find_waiting_lists(context.config, journal.places, journal.received, keys, &findings.lists).message;
  std::size_t requests = 0;
  if (call.arguments().request)
    if (Status status = write_requests(findings.streams, context.config, now, with_written_off,
                                       *call.arguments().request, &requests);
        !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (call.arguments().json)
    print_json(findings, journal.received, &call.console());
  else
    print_text(findings, journal.received, &call.console());
  if (call.arguments().request && requests == 0 && !call.arguments().json)
    call.console().line("no request was written: there is nothing that one can ask for");
  return findings.is_complete() ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
