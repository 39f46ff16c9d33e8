// `write_off`: what is missing of a stream for good is not waited for any more, with the reason in the log.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/receipt_view.h"
#include "proof/statement.h"
#include "records/stream_state.h"
#include "records/write_off.h"
#include "relay/kept_sources.h"
#include "relay/receiver.h"
#include "relay/sent_counts.h"

namespace paxect::link {
namespace {

constexpr const char* kUsage =
    "use paxect link write_off [NODE] STREAM REASON [--json]: STREAM as missing or sent prints it, NODE "
    "where "
    "several senders have one of that name, and one line of at most 512 bytes that says why";

struct Given {
  std::string node;  // "": the only one
  std::string stream;
  std::string reason;
};

// What is asked of the relay for one stream.
struct Item {
  WriteOff asked;
  std::uint64_t lists = 0;

  std::uint64_t containers() const { return size_of(asked.entries); }
  bool empty() const { return asked.entries.empty() && lists == 0; }
};

// One item for each stream of that name.
struct Found {
  std::vector<Item> items = {};
  std::uint64_t kept = 0;      // containers whose sources can be sent again
  std::uint64_t released = 0;  // those whose sources are not kept any more

  std::uint64_t containers() const {
    std::uint64_t count = 0;
    for (const Item& each : items) count += each.containers();
    return count;
  }
  std::uint64_t lists() const {
    std::uint64_t count = 0;
    for (const Item& each : items) count += each.lists;
    return count;
  }
  bool empty() const {
    return std::all_of(items.begin(), items.end(), [](const Item& each) { return each.empty(); });
  }
};

Status find_received(const RelayContext& context, const Given& given, std::int64_t now, Found* out) {
  JournalContents journal;
  Status status = read_journal(journal_of(context.config.state), &journal);
  if (!status.ok()) return status;
  const auto is_meant = [&](const std::string& node, const std::string& stream) {
    return status.ok() && stream == given.stream && (given.node.empty() ? !node.empty() : node == given.node);
  };
  const auto add = [&](const StreamAddress& address, Awaited found) {
    const std::string other = out->items.empty() ? address.node : out->items[0].asked.address.node;
    if (other != address.node)
      return Status::invalid("stream " + given.stream + " is one of " + other + " and of " + address.node +
                             ": name the sender: paxect link write_off NODE " + given.stream + " REASON");
    out->items.push_back({{address, std::move(found.entries), found.last_list, given.reason}, found.lists});
    return Status::success();
  };
  for (const ReceivedStream& each : journal.received.streams())
    if (is_meant(each.address.node, each.address.stream))
      status = add(each.address, awaited_of(journal.received, each, now, late_with_grace(context.config)));
  for (const UnseenStream& each : unseen_streams(journal.received))
    if (is_meant(each.node, each.stream))
      status = add({each.node, "", each.stream}, {.lists = each.lists, .last_list = each.last_list});
  return status;
}

Status find_sent(const RelayContext& context, const Given& given, Found* out) {
  ReceiptView view{
      .context = context, .journal = {}, .keys = {}, .receipts = {}, .refused = {}, .forked = {}};
  Status status = read_receipt_view(&view);
  if (!status.ok()) return status;
  const SentStream& sent = view.journal.sent;
  if (!given.node.empty() && given.node != context.config.node) return status;
  if (given.stream != sent.name && !sent.ended().contains(given.stream)) return status;
  EntryRanges entries = without_source(sent, given.stream, view.receipts, context.config,
                                       gone_from(context.config, view.journal), &out->kept);
  for (const auto& [first, last] : kept_for_nobody(sent, given.stream, view.receipts, context.config)) {
    out->released += last - first + 1;
    add_range(&entries, first, last);
  }
  out->items.push_back(
      {{{.node = {}, .key = {}, .stream = given.stream}, std::move(entries), 0, given.reason}});
  return status;
}

void print_json(const Given& given, const Found& found, Console* console) {
  JsonLine json;
  json.add("stream", given.stream);
  json.add("containers", found.containers());
  json.add("lists", found.lists());
  json.add("kept", found.kept);
  json.add("released", found.released);
  json.begin_array("streams");
  for (const Item& each : found.items) {
    json.begin_element();
    json.add("sender", each.asked.address.node);
    json.add("key", each.asked.address.key);
    json.add("containers", each.containers());
    json.add("lists", each.lists);
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

void print_text(const Given& given, const Found& found, bool runs, Console* console) {
  if (found.empty()) console->line("nothing of stream " + given.stream + " can be written off");
  for (const Item& each : found.items) {
    if (each.empty()) continue;
    const std::string& node = each.asked.address.node;
    const std::string of = node.empty() ? "" : " of " + shown(node);
    console->line(count_text(each.containers(), "container") + " and " + count_text(each.lists, "list") +
                  " of stream " + given.stream + of + (runs ? " are" : " are, when a relay runs,") +
                  " not waited for any more");
  }
  if (found.released > 0)
    console->line(
        "the sources of " + count_text(found.released, "container") +
        ", which every receiver of them has delivered or written off, are not kept any more: they go "
        "as delivered ones do");
  if (found.kept > 0)
    console->line("the sources of " + count_text(found.kept, "container") +
                  " are kept: `paxect link resend` sends them again");
}

}  // namespace

paxect_plugin_status run_write_off(const Call& call) {
  const std::vector<std::string>& words = call.arguments().words;
  Given given{
      .node = words.size() == 3 ? words[0] : "", .stream = words[words.size() - 2], .reason = words.back()};
  if (!is_stream(given.stream) || !is_write_off_reason(given.reason))
    return call.fail(PAXECT_PLUGIN_USAGE, kUsage);
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  const LinkConfig& config = context.config;
  if (config.mode == Mode::kRelay)
    return call.fail(PAXECT_PLUGIN_CONFIG, "mode relay has no lists: nothing is waited for by number");
  const bool runs = context.runs();
  Found found;
  Status status = config.mode == Mode::kSend
                      ? find_sent(context, given, &found)
                      : find_received(context, given,
                                      call.host().realtime_ns() / static_cast<std::int64_t>(kSecond), &found);
  if (status.ok() && found.items.empty())
    status = Status::invalid("stream " + given.stream + (given.node.empty() ? "" : " of " + given.node) +
                             " is none that this node waits for: `paxect link " +
                             (config.mode == Mode::kSend ? "sent" : "missing") + " --json` has them");
  if (status.ok() && !found.empty()) {
    std::vector<WriteOff> asked;
    asked.reserve(found.items.size());
    for (const Item& each : found.items) asked.push_back(each.asked);
    status = add_write_offs(config.state, asked);
  }
  if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (call.arguments().json)
    print_json(given, found, &call.console());
  else
    print_text(given, found, runs, &call.console());
  return !found.empty() && found.kept == 0 ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
