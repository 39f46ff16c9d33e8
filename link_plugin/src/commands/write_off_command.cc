// `write_off`: what is missing of a stream for good is not waited for any more, with the reason in the log.
#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/receipt_view.h"
#include "proof/statement.h"
#include "records/stream_state.h"
#include "records/write_off.h"
#include "relay/sent_counts.h"

namespace paxect::link {
namespace {

constexpr const char* kUsage =
    "use paxect link write_off STREAM REASON [--json]: STREAM as missing or sent prints it, and one line of "
    "at "
    "most 512 bytes that says why";

struct Given {
  bool is_known = false;
  std::uint64_t containers = 0;
  std::uint64_t lists = 0;
  std::uint64_t kept = 0;  // whose sources can be sent again
};

Status find_received(const RelayContext& context, const std::string& stream, std::int64_t now, Given* out) {
  JournalContents journal;
  Status status = read_journal(journal_of(context.config.state), &journal);
  if (!status.ok()) return status;
  for (const ReceivedStream& each : journal.received.streams()) {
    if (each.address.stream != stream || each.address.node.empty()) continue;
    const Awaited found =
        awaited_of(journal.received, each, now, static_cast<std::int64_t>(context.config.late_after));
    out->is_known = true;
    out->containers += size_of(found.entries);
    out->lists += found.lists;
  }
  return status;
}

Status find_sent(const RelayContext& context, const std::string& stream, Given* out) {
  ReceiptView view{
      .context = context, .journal = {}, .keys = {}, .receipts = {}, .refused = {}, .forked = {}};
  Status status = read_receipt_view(&view);
  if (!status.ok()) return status;
  const SentStream& sent = view.journal.sent;
  out->is_known = stream == sent.name || sent.ended().contains(stream);
  out->containers = size_of(without_source(sent, stream, view.receipts, context.config, &out->kept));
  return status;
}

void print(const Call& call, const std::string& stream, const Given& given, bool runs) {
  if (call.arguments().json) {
    JsonLine json;
    json.add("stream", stream);
    json.add("containers", given.containers);
    json.add("lists", given.lists);
    json.add("kept", given.kept);
    json.finish(&call.console());
    return;
  }
  if (given.containers + given.lists == 0)
    call.console().line("nothing of stream " + stream + " can be written off");
  else
    call.console().line(count_text(given.containers, "container") + " and " +
                        count_text(given.lists, "list") + " of stream " + stream +
                        (runs ? " are" : " are, when a relay runs,") + " not waited for any more");
  if (given.kept > 0)
    call.console().line("the sources of " + count_text(given.kept, "container") +
                        " are kept: `paxect link resend` sends them again");
}

}  // namespace

paxect_plugin_status run_write_off(const Call& call) {
  const std::string& stream = call.arguments().words[0];
  const std::string& reason = call.arguments().words[1];
  if (!is_stream(stream) || !is_write_off_reason(reason)) return call.fail(PAXECT_PLUGIN_USAGE, kUsage);
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  const LinkConfig& config = context.config;
  if (config.mode == Mode::kRelay)
    return call.fail(PAXECT_PLUGIN_CONFIG, "mode relay has no lists: nothing is waited for by number");
  const bool runs = context.runs();
  Given given;
  Status status = config.mode == Mode::kSend
                      ? find_sent(context, stream, &given)
                      : find_received(context, stream,
                                      call.host().realtime_ns() / static_cast<std::int64_t>(kSecond), &given);
  if (status.ok() && !given.is_known)
    status = Status::invalid("stream " + stream + " is none that this node waits for: `paxect link " +
                             (config.mode == Mode::kSend ? "sent" : "missing") + " --json` has them");
  if (status.ok() && given.containers + given.lists > 0)
    status = add_write_off(config.state, {stream, reason});
  if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  print(call, stream, given, runs);
  return given.containers + given.lists > 0 && given.kept == 0 ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
