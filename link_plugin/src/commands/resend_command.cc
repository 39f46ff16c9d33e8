// `resend`: what a receiver misses is sent again, under the numbers that it has in the lists.
#include <algorithm>

#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/receipt_view.h"
#include "records/entry_ranges.h"
#include "records/request_file.h"
#include "records/resend_line.h"
#include "relay/kept_files.h"
#include "relay/kept_sources.h"

namespace paxect::link {

// The relay sends it: it alone knows what is in hand.
paxect_plugin_status run_resend(const Call& call) {
  ReceiptView view;
  if (paxect_plugin_status status = open_receipts(call, &view); status != PAXECT_PLUGIN_OK) return status;
  const LinkConfig& config = view.context.config;
  FoundReceipt request;
  const std::string& path = call.arguments().words[0];
  Directory folder;
  Status status = Directory::open(directory_name(path), &folder);
  if (status.ok())
    status = read_request(folder, std::string(base_name(path)), config.node, view.keys, view.journal.sent,
                          &request);
  if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  EntryRanges ranges;
  std::uint64_t missing = 0;
  std::uint64_t resent = 0;
  const std::string& stream = request.receipt.about;
  std::uint64_t through = 0;
  for (const OutcomeRange& range : request.receipt.outcomes) {
    if (range.outcome == Outcome::kMissing) missing += range.last - range.first + 1;
    through = range.last;
  }
  // The receiver cannot know how many entries the lists at the end of a stream have that it does not have.
  const auto ended = view.journal.sent.ended().find(stream);
  const bool is_over = stream != view.journal.sent.name;
  if (ended != view.journal.sent.ended().end() && ended->second.entries > through)
    missing += ended->second.entries - through;
  const IsGone is_gone = gone_from(config, view.journal);
  for (const auto& [number, source] : view.journal.sent.kept()) {
    const auto has_entry = [entry = number.second](const OutcomeRange& range) {
      return range.outcome == Outcome::kMissing && range.first <= entry && entry <= range.last;
    };
    const bool is_missing =
        number.first == stream &&
        ((is_over && number.second > through) ||
         std::any_of(request.receipt.outcomes.begin(), request.receipt.outcomes.end(), has_entry));
    if (!is_missing || is_gone(source.entry)) continue;
    add_range(&ranges, number.second, number.second);
    ++resent;
  }
  std::string lines;
  for (const auto& [first, last] : ranges)
    lines += resend_line({.stream = stream, .first = first, .last = last});
  if (resent > 0) status = add_requests(resend_of(config.state), lines);
  if (resent > 0 && !status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (call.arguments().json) {
    JsonLine json;
    json.add("node", request.receipt.head.from);
    json.add("stream", stream);
    json.add("missing", missing);
    json.add("resent", resent);
    json.finish(&call.console());
  } else {
    call.console().line(std::to_string(resent) + " of " + count_text(missing, "container") + " that " +
                        shown(request.receipt.head.from) + " misses " +
                        (view.context.runs() ? "are sent again" : "are sent again when a relay runs") +
                        (resent < missing ? "; the sources of the others are not kept" : ""));
  }
  return resent == missing ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
