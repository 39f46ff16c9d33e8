// `status`: whether the relay runs or waits, the backlog, and what was delivered.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/backlog.h"
#include "commands/command.h"
#include "commands/log_reader.h"
#include "commands/quarantine_items.h"
#include "commands/receipt_view.h"
#include "commands/relay_context.h"
#include "records/stream_state.h"
#include "relay/sent_counts.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kLogTail = std::uint64_t{8} << 20;
constexpr std::int64_t kRateWindow = 60;  // seconds
// From how many seconds on silence is trouble: one sign of life was missed, and the next one is late.
constexpr std::uint64_t kSilence = 2 * StateFile::kAliveInterval / kSecond;

// What the end of the log has of deliveries into the outbox.
struct Deliveries {
  std::optional<LogLine> last;
  std::uint64_t files = 0;  // of the last minute
  std::uint64_t bytes = 0;
  std::int64_t seconds = kRateWindow;  // that the log covers of it

  double files_per_second() const { return static_cast<double>(files) / static_cast<double>(seconds); }
  double bytes_per_second() const { return static_cast<double>(bytes) / static_cast<double>(seconds); }
};

// Containers that lists name, the streams of these lists, and sources that wait for a receipt.
struct ProofCounts {
  std::uint64_t expected = 0;
  std::uint64_t missing = 0;
  std::uint64_t silent = 0;
  std::uint64_t forked = 0;
  std::uint64_t unconfirmed = 0;
};

struct Report {
  RelayContext context;
  Backlog backlog;
  std::optional<RelayState> state;  // of a relay that runs
  std::int64_t alive_utc_ns = 0;    // its last sign of life
  Deliveries deliveries;
  ProofCounts proof;
  std::size_t quarantined = 0;
  std::map<std::string_view, std::uint64_t> peers;  // by their state
  std::map<std::string, std::string> trouble;
  std::optional<SentCounts> sent;  // of a sender with lists
  std::int64_t now_ns = 0;

  // Large files that are being worked on.
  std::vector<FileInHand> in_hand() const { return state ? state->in_hand : std::vector<FileInHand>{}; }
  std::optional<LatencySummary> latency() const { return state ? state->latency : std::nullopt; }
  std::uint64_t seconds_since(std::int64_t utc_ns) const {
    return now_ns > utc_ns ? static_cast<std::uint64_t>(now_ns - utc_ns) / kSecond : 0;
  }

  // How old what it reported is.
  std::uint64_t report_seconds() const {
    const std::int64_t age = now_ns - alive_utc_ns;
    return age > 0 ? static_cast<std::uint64_t>(age) / kSecond : 0;
  }

  // The relay is stopped by a signal, hangs, or waits for a disk.
  bool is_silent() const { return state && report_seconds() >= kSilence; }
  std::string waiting_for() const { return state ? state->waiting_for : ""; }
  const char* relay_state() const {
    if (!context.runs()) return "stopped";
    if (is_silent()) return "unresponsive";
    return waiting_for().empty() ? "running" : "waiting";
  }
};

Status read_deliveries(const Report& report, Deliveries* out) {
  const std::int64_t now = report.now_ns / static_cast<std::int64_t>(kSecond);
  const std::string outbox = report.context.config.outbox + "/";
  std::optional<std::int64_t> first;
  LogCount count;
  auto take = [&](const LogLine& line) {
    if (!first) first = line.utc;
    if (!line.is_transfer() || !line.target.starts_with(outbox)) return true;
    out->last = line;
    if (now - line.utc >= kRateWindow) return true;
    ++out->files;
    out->bytes += line.bytes;
    return true;
  };
  // With the part that was rotated last: the log itself may just have been begun.
  std::vector<OpenLog> logs = open_with_rotated({report.context.config.log});
  if (logs.size() > 2) logs.erase(logs.begin(), logs.end() - 2);
  for (const OpenLog& log : logs)
    if (Status status = read_log_tail(log, kLogTail, take, &count); !status.ok()) return status;
  if (first) out->seconds = std::clamp<std::int64_t>(now - *first, 1, kRateWindow);
  return Status::success();
}

Status count_received(const LinkConfig& config, const ReceivedStreams& received, std::int64_t now,
                      ProofCounts* out) {
  std::vector<PinnedKey> pinned;
  Status status = read_pinned_keys(KeyFolder(config), &pinned);
  const std::vector<NodeKey> keys = with_continued(received, node_keys_of(pinned));
  for (const ReceivedStream& stream : received.streams()) {
    out->missing += received.lists_missing(stream);
    if (stream.runs.empty()) continue;
    const StreamState state = state_of(received, stream, keys);
    if (state == StreamState::kForked) ++out->forked;
    if (state == StreamState::kLive && silent_since(stream, now, config.late_after)) ++out->silent;
    for (const OutcomeRange& range : stream.outcomes(now, static_cast<std::int64_t>(config.late_after))) {
      const std::uint64_t size = range.last - range.first + 1;
      if (range.outcome == Outcome::kExpected) out->expected += size;
      if (range.outcome == Outcome::kMissing) out->missing += size;
    }
  }
  for (const UnseenStream& each : unseen_streams(received)) out->missing += each.lists;
  return status;
}

// Lists and receipts, as far as this relay has to do with them.
Status read_proof(const JournalContents& journal, Report* report) {
  const LinkConfig& config = report->context.config;
  report->proof.unconfirmed = journal.sent.kept().size();
  if (config.mode == Mode::kReceive)
    return count_received(config, journal.received, report->now_ns / static_cast<std::int64_t>(kSecond),
                          &report->proof);
  if (config.mode != Mode::kSend || journal.sent.name.empty()) return Status::success();
  ReceiptView view;
  view.context = report->context;
  Status status = read_receipt_view(&view);
  report->sent = count_sent(view.journal.sent, view.receipts, config);
  return status;
}

// What cannot be read is reported as trouble, and the report goes on.
void gather(Report* report) {
  auto note = [&](const char* about, const std::string& message) {
    if (!message.empty()) report->trouble[about] = message;
  };
  RelayContext& context = report->context;
  std::optional<RelayState> state = state_of(context, &report->alive_utc_ns);
  if (context.runs() && state && state->pid == context.holder) {
    report->state = state;
    report->trouble = state->trouble;
    if (report->is_silent())
      note("relay", "process " + std::to_string(context.holder) + " has given no sign of life for " +
                        duration_text(report->report_seconds()) +
                        ": it is stopped, hangs, or waits for a disk; what follows is as old");
  }
  note("policy", context.policy_problem);
  JournalContents journal;
  note("journal", read_journal(journal_of(context.config.state), &journal).message);
  note("proof", read_proof(journal, report).message);
  const std::string unread =
      measure_backlog(context, journal, report->state, report->now_ns, &report->backlog).message;
  // A relay that waits for the inbox is in no trouble.
  if (!report->waiting_for().starts_with("inbox ") || report->is_silent()) note("inbox", unread);
  note("log", read_deliveries(*report, &report->deliveries).message);
  std::vector<QuarantineItem> items;
  note("quarantine", list_quarantine(context.config.quarantine, &items).message);
  report->quarantined = items.size();
  std::vector<PeerEntry> peers;
  note("peers", find_peers(context, &peers).message);
  for (const PeerEntry& entry : peers) ++report->peers[name_of(entry.peer.state)];
}

void print_sent(const Report& report, JsonLine* json) {
  const auto add_seconds = [&](const char* key, std::int64_t utc_s) {
    if (utc_s > 0)
      json->add(key, report.seconds_since(utc_s * static_cast<std::int64_t>(kSecond)));
    else
      json->add_null(key);
  };
  if (const auto& sent = report.sent) {
    json->begin_object("sent");
    json->add("lists", sent->lists);
    json->add("entries", sent->entries);
    json->add("unlisted", sent->unlisted);
    json->add("unreceipted", sent->unreceipted);
    add_seconds("unreceipted_seconds", sent->oldest);
    add_seconds("receipt_age_seconds", sent->receipt_made);
    json->add("missing", sent->missing);
    json->add("refused", sent->refused);
    json->end_object();
  } else {
    json->add_null("sent");
  }
}

void print_json(const Report& report, Console* console) {
  const RelayContext& context = report.context;
  JsonLine json;
  json.add("running", context.runs());
  json.add("state", report.relay_state());
  if (report.waiting_for().empty())
    json.add_null("waiting_for");
  else
    json.add("waiting_for", report.waiting_for());
  if (context.holder > 0)
    json.add("pid", std::int64_t{context.holder});
  else
    json.add_null("pid");
  if (report.state)
    json.add("report_age_seconds", report.report_seconds());
  else
    json.add_null("report_age_seconds");
  json.add("node", context.config.node);
  json.add("mode", name_of(context.config.mode));
  json.add("inbox", context.config.inbox);
  json.add("outbox", context.config.outbox);
  if (context.config.metrics_file.empty())
    json.add_null("metrics_file");
  else
    json.add("metrics_file", context.config.metrics_file);
  json.begin_object("backlog");
  json.add("files", report.backlog.files);
  json.add("bytes", report.backlog.bytes);
  json.add("oldest_seconds", report.backlog.oldest_seconds);
  json.add("pending", report.backlog.pending);
  json.add("blocked", report.backlog.blocked);
  json.add("held", report.backlog.held);
  json.add("kept", report.backlog.kept);
  json.add("ignored", report.backlog.ignored);
  json.end_object();
  json.add("in_flight", report.backlog.in_flight);
  json.begin_array("in_hand");
  for (const FileInHand& file : report.in_hand()) {
    json.begin_element();
    json.add("path", file.path);
    json.add("bytes", file.size);
    json.add("bytes_read", file.bytes_read);
    json.add("seconds", report.seconds_since(file.since_utc_ns));
    json.end_object();
  }
  json.end_array();
  if (report.state) {
    json.begin_object("repaired");
    json.add("files", report.state->repaired_files);
    json.add("cells", report.state->repaired_cells);
    json.end_object();
  } else {
    json.add_null("repaired");
  }
  json.begin_object("last_minute");
  json.add("files", report.deliveries.files);
  json.add("bytes", report.deliveries.bytes);
  json.add("files_per_second", report.deliveries.files_per_second());
  json.add("bytes_per_second", report.deliveries.bytes_per_second());
  json.end_object();
  if (const auto latency = report.latency()) {
    json.begin_object("latency");
    json.add("files", latency->files);
    json.add("median_seconds", latency->median_s);
    json.add("p95_seconds", latency->p95_s);
    json.end_object();
  } else {
    json.add_null("latency");
  }
  if (const auto& last = report.deliveries.last) {
    json.begin_object("last_delivery");
    json.add("datetime_utc", last->datetime_utc);
    json.add("src", last->source);
    json.add("dst", last->target);
    json.end_object();
  } else {
    json.add_null("last_delivery");
  }
  print_sent(report, &json);
  json.add("quarantine", std::uint64_t{report.quarantined});
  json.begin_object("proof");
  json.add("expected", report.proof.expected);
  json.add("missing", report.proof.missing);
  json.add("silent", report.proof.silent);
  json.add("forked", report.proof.forked);
  json.add("unconfirmed", report.proof.unconfirmed);
  json.end_object();
  json.begin_object("peers");
  for (const auto& [state, count] : report.peers) json.add(state, count);
  json.end_object();
  json.begin_object("trouble");
  for (const auto& [about, message] : report.trouble) json.add(about, message);
  json.end_object();
  json.finish(console);
}

std::string relay_text(const Report& report) {
  const RelayContext& context = report.context;
  std::string text = context.runs() ? report.relay_state() : "not running";
  if (context.holder > 0) text += ", process " + std::to_string(context.holder);
  if (report.state) text += ", reported " + duration_text(report.report_seconds()) + " ago";
  return text + ", mode " + std::string(name_of(context.config.mode)) + ", node " +
         shown(context.config.node);
}

std::string backlog_text(const Report& report) {
  const Backlog& backlog = report.backlog;
  std::string text = count_text(backlog.files, "file") + " waiting";
  if (backlog.files > 0)
    text += ", " + size_text(backlog.bytes) + ", the oldest " + duration_text(report.backlog.oldest_seconds) +
            " old";
  auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  };
  add(backlog.pending, "to be tried again");
  add(backlog.blocked, "blocked");
  add(backlog.held, "held");
  add(backlog.kept, "delivered and kept");
  add(backlog.ignored, "ignored");
  return text;
}

std::string sent_text(const Report& report) {
  const SentCounts& sent = *report.sent;
  std::string text = count_text(sent.entries, "container") + " in " + count_text(sent.lists, "list");
  const auto age = [&](std::int64_t utc_s) {
    return duration_text(report.seconds_since(utc_s * static_cast<std::int64_t>(kSecond)));
  };
  if (sent.unlisted > 0) text += ", " + std::to_string(sent.unlisted) + " not listed yet";
  if (!expects_receipts(report.context.config)) return text;
  text += ", " + std::to_string(sent.unreceipted) + " without receipt";
  if (sent.oldest > 0) text += ", the oldest for " + age(sent.oldest);
  if (sent.missing > 0) text += ", " + std::to_string(sent.missing) + " missing";
  if (sent.refused > 0) text += ", " + std::to_string(sent.refused) + " refused";
  return text +
         (sent.receipt_made > 0 ? "; last receipt " + age(sent.receipt_made) + " ago" : "; no receipt");
}

// "12.3 ms", "4.5 s", "3 min".
std::string short_text(double seconds) {
  if (seconds >= 60) return duration_text(static_cast<std::uint64_t>(seconds));
  std::array<char, 32> text{};
  const bool is_short = seconds < 1;
  const int size = std::snprintf(text.data(), text.size(), "%.1f %s", is_short ? seconds * 1000 : seconds,
                                 is_short ? "ms" : "s");
  return {text.data(), static_cast<std::size_t>(size)};
}

// "" when there is nothing to report.
std::string proof_text(const ProofCounts& proof) {
  std::string text;
  auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  };
  add(proof.expected, "expected");
  add(proof.missing, "missing");
  add(proof.silent, "silent");
  add(proof.forked, "forked");
  add(proof.unconfirmed, "unconfirmed");
  return text;
}

void print_text(const Report& report, Console* console) {
  const Deliveries& deliveries = report.deliveries;
  bool runs = report.context.runs();
  console->row("relay", relay_text(report));
  if (!report.waiting_for().empty()) console->row("waits for", shown(report.waiting_for()));
  console->row("inbox", backlog_text(report));
  console->row("in flight",
               std::to_string(report.backlog.in_flight) +
                   (runs || report.backlog.in_flight == 0 ? "" : ", for the next start to recover"));
  for (const FileInHand& file : report.in_hand())
    console->row("in hand", shown(file.path) + ", " + size_text(file.bytes_read) + " of " +
                                size_text(file.size) + " read, for " +
                                duration_text(report.seconds_since(file.since_utc_ns)));
  console->row("last delivery", deliveries.last
                                    ? deliveries.last->datetime_utc + "  " + shown(deliveries.last->target)
                                    : "none in the log");
  console->row("last minute", count_text(deliveries.files, "file") + ", " + size_text(deliveries.bytes) +
                                  ", " + rate_text(deliveries.files_per_second(), "files"));
  if (const auto latency = report.latency())
    console->row("latency",
                 "median " + short_text(latency->median_s) + ", 95 % within " + short_text(latency->p95_s));
  if (report.state && report.state->repaired_files > 0)
    console->row("repaired", count_text(report.state->repaired_files, "damaged container") +
                                 " since the start, " + count_text(report.state->repaired_cells, "cell"));
  if (report.sent) console->row("listed", sent_text(report));
  console->row("quarantine", count_text(report.quarantined, "file"));
  const std::string proof = proof_text(report.proof);
  if (!proof.empty()) console->row("proof", proof);
  std::string peers;
  for (const auto& [state, count] : report.peers)
    peers += (peers.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(state);
  console->row("peers", peers.empty() ? "none" : peers);
  for (const auto& [about, message] : report.trouble)
    console->row("trouble", shown(about) + ": " + shown(message));
}

}  // namespace

paxect_plugin_status run_status(const Call& call) {
  Report report;
  if (paxect_plugin_status status = open_context(call, &report.context); status != PAXECT_PLUGIN_OK)
    return status;
  report.now_ns = call.host().realtime_ns();
  gather(&report);
  if (call.arguments().json)
    print_json(report, &call.console());
  else
    print_text(report, &call.console());
  const bool responds = report.context.runs() && !report.is_silent();
  return responds ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
