// `explain FILE`: what is, or has become, of one file.
#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>
#include <deque>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/place.h"
#include "base/printable.h"
#include "base/relay_paths.h"
#include "base/shell_word.h"
#include "commands/backlog.h"
#include "commands/command.h"
#include "commands/list_trail.h"
#include "commands/log_reader.h"
#include "commands/quarantine_items.h"
#include "commands/relay_context.h"
#include "relay/transfer.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

constexpr std::size_t kHistory = 10;  // lines of the log

struct Explanation {
  std::string path;
  std::string state = "unknown";
  std::string reason;
  std::string since;  // when it came to the inbox; "" unless it is there
  std::uint64_t attempts = 0;
  std::string next_try;               // when, in words
  std::string advice;                 // the remedy
  std::optional<ListedEntry> listed;  // by which list it went or came
  std::vector<EntryReceipt> receipts;
  std::string receipts_problem;  // why nothing is known of them
  std::deque<LogLine> history;
  std::vector<std::string> passed_over;  // compressed logs
};

bool is_below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() + 1 && path.starts_with(directory + "/");
}

bool exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

// A path that leads into one of our directories, or a name in the inbox.
std::string find_path(const LinkConfig& config, const std::string& word) {
  boost::system::error_code ignored;
  boost::filesystem::path given = word;
  if (given.is_relative()) given = boost::filesystem::current_path(ignored) / given;
  std::string path = given.lexically_normal().string();
  for (const std::string& directory : {config.quarantine, config.inbox, config.outbox})
    if (is_below(path, directory)) return path;
  for (const std::string& directory : {config.inbox, config.quarantine})
    if (exists(join(directory, word))) return join(directory, word);
  return word.front() == '/' ? path : join(config.inbox, word);
}

// What the logs have of the file, and of the container in the inbox that it became.
Status read_history(const LinkConfig& config, Explanation* out) {
  std::set<std::string> followed{printable(out->path)};
  const std::string inbox = printable(config.inbox);
  LogCount count;
  ListTrail trail(config.node);
  for (const OpenLog& log : open_with_rotated({config.log}, &out->passed_over)) {
    Status status = read_log(
        log, 0,
        [&](const LogLine& line) {
          bool ours = followed.count(line.source) != 0;
          const bool is_about_it = ours || (!line.target.empty() && followed.count(line.target) != 0);
          trail.take(line, is_about_it);
          if (!is_about_it) return true;
          if (ours && line.is_transfer() && is_below(line.target, inbox)) followed.insert(line.target);
          out->history.push_back(line);
          if (out->history.size() > kHistory) out->history.pop_front();
          return true;
        },
        &count);
    if (!status.ok()) return status;
  }
  out->listed = trail.found();
  return Status::success();
}

std::string next_look(const RelayContext& context) {
  return context.runs() ? "at one of the next scans" : "when a relay runs: none does";
}

// Why the relay never takes it, "" when it does.
std::string ignored_reason(const LinkConfig& config, const std::string& relative, const FileStat& observed) {
  for (std::string_view rest = relative; !rest.empty();) {
    std::string_view part = rest.substr(0, rest.find('/'));
    if (is_never_taken(part)) return "names like " + std::string(part) + " are never taken";
    if (config.ignore.matches(part)) return std::string(part) + " matches a pattern of the setting ignore";
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  if (relative.find('/') != std::string::npos && !config.recursive)
    return "in a folder of the inbox, and recursive is off";
  if (observed.kind == FileKind::kSymlink) return "a symbolic link is never followed";
  if (observed.kind == FileKind::kDirectory) return "a directory";
  if (observed.kind != FileKind::kRegular) return "not a regular file";
  return "";
}

void explain_block(const RelayContext& context, const std::string& reason, Explanation* out) {
  out->next_try = "when the file or the policy changes";
  out->advice = remedy_of(reason, context.config.mode, context.config.policy);
}

void explain_held(const std::string& reason, Explanation* out) {
  out->state = "held";
  out->reason = reason;
  out->next_try = "when its size or mtime changes";
  out->advice = kHeldRemedy;
}

void explain_waiting(const WaitingFile& file, const RelayContext& context, Explanation* out) {
  if (file.state == FileState::kHeld) return explain_held(file.reason, out);
  out->state = name_of(file.state);
  out->reason = file.event + ": " + file.reason;
  out->attempts = file.attempts;
  if (file.state == FileState::kBlocked)
    explain_block(context, file.reason, out);
  else
    out->next_try = context.runs() ? utc_text(file.next_try_utc_ns) : next_look(context);
}

void explain_in_inbox(const RelayContext& context, const std::string& relative, const FileStat& observed,
                      Explanation* out) {
  const LinkConfig& config = context.config;
  if (out->reason = ignored_reason(config, relative, observed); !out->reason.empty()) {
    out->state = "ignored";
    return;
  }
  const std::optional<RelayState> state = state_of(context);
  const WaitingFile* waiting = find_waiting(state, relative, observed.identity);
  out->since = utc_text(waiting == nullptr ? observed.identity.ctime_ns : waiting->arrived_utc_ns);
  JournalContents journal;
  std::ignore = read_journal(journal_of(config.state), &journal);
  const SourceRecord* done = journal.done.find(inbox_place(context, journal), relative);
  if (done != nullptr && match_source(done->identity, observed.identity) != SourceMatch::kOther) {
    out->state = "delivered";
    out->reason = "delivered and left where it is";
    return;
  }
  const SourceRecord* held = journal.held.find(inbox_place(context, journal), relative);
  if (held != nullptr && match_source(held->identity, observed.identity) != SourceMatch::kOther)
    return explain_held("it may have been delivered, and the journal cannot say", out);
  for (const Intent& intent : journal.intents) {
    if (intent.source != relative || !is_in_flight(intent)) continue;
    out->state = "in flight";
    out->reason = context.runs() ? "being delivered as " + intent.name : "for the next start to recover";
    return;
  }
  if (waiting != nullptr) return explain_waiting(*waiting, context, out);
  std::string name(base_name(relative));
  out->next_try = next_look(context);
  out->state = "waiting";
  if (is_sidecar(name) && exists(container_of_sidecar(out->path))) {
    out->reason = "goes with its container";
    return;
  }
  out->reason = block_reason(context.policy, config.mode, context.config.node,
                             rejected_sender(context, journal), name, observed.identity.size);
  if (out->reason.empty()) return;
  out->state = "blocked";
  explain_block(context, out->reason, out);
}

void explain_quarantined(const LinkConfig& config, const QuarantineItem& item, Explanation* out) {
  out->state = "quarantined";
  out->reason = item.has_reason ? item.event + ": " + item.reason : "no reason file that can be read";
  out->attempts = item.attempts;
  out->next_try = "never";
  out->advice =
      "paxect link quarantine retry " + shell_word(shown(item.name)) + " gives it back to the inbox";
  // As the core says it of a container with protection.
  if (item.reason.find("cannot be repaired") != std::string::npos)
    out->advice += "; what is left of its data: paxect-core salvage " +
                   shell_word(join(config.quarantine, item.name)) + " -o FILE";
  if (item.reason.find(kCanBeRepaired) != std::string::npos)
    out->advice += "; the container as it was: paxect-core repair " +
                   shell_word(join(config.quarantine, item.name)) +
                   " -o FILE, to put into the inbox without this sidecar";
}

// Of a sidecar that went to the quarantine with its container.
void explain_companion(const LinkConfig& config, const QuarantineItem& item, Explanation* out) {
  explain_quarantined(config, item, out);
  out->reason = "beside its container " + shown(item.name) + ", " + out->reason;
}

// Of a file that is not where it was, by where it went. `unread`: why it may be in the inbox all the same.
void explain_gone(const RelayContext& context, const std::string& unread, Explanation* out) {
  const auto is_end = [](const LogLine& line) {
    return line.is_transfer() || line.event == "duplicate" || line.event == "quarantine";
  };
  const auto line = std::find_if(out->history.rbegin(), out->history.rend(), is_end);
  const bool has_end = line != out->history.rend();
  Status status;
  // Another file of this name may be in the quarantine since before the last one was delivered.
  if (!has_end || line->event == "quarantine") {
    std::vector<QuarantineItem> items;
    status = list_quarantine(context.config.quarantine, &items);
    for (const QuarantineItem& item : items)
      if (item.source == out->path) return explain_quarantined(context.config, item, out);
    for (const QuarantineItem& item : items)
      if (!has_end && item.has_sidecar && sidecar_of(item.source) == out->path)
        return explain_companion(context.config, item, out);
  }
  if (has_end) {
    out->state = line->event == "quarantine" ? "gone" : "delivered";
    if (line->event == "quarantine" && !status.ok()) {
      out->state = "unknown";
      out->reason = "it went to the quarantine, and " + status.message;
      return;
    }
    out->reason = line->event == "quarantine" ? "was in quarantine: " + line->message
                                              : "as " + line->target + " at " + line->datetime_utc;
    if (!line->list.empty()) out->reason += ", sent by " + line->sender + ", by list " + line->list;
    return;
  }
  // What cannot be read may have it.
  if (!unread.empty() || !status.ok()) {
    out->reason = unread.empty() ? status.message : unread;
    return;
  }
  if (!out->history.empty()) out->state = "gone";
  if (out->history.empty()) out->reason = "not in the inbox, in quarantine or in " + context.config.log;
}

void explain(const RelayContext& context, Explanation* out) {
  const LinkConfig& config = context.config;
  std::string unread;
  JournalContents journal;
  Status status = read_journal(journal_of(config.state), &journal);
  if (status.ok()) status = check_inbox(config, journal.places);
  if (is_below(out->path, config.quarantine)) {
    std::vector<QuarantineItem> items;
    if (status.ok() || !is_below(config.quarantine, config.inbox))
      status = list_quarantine(config.quarantine, &items);
    unread = status.message;
    for (const QuarantineItem& item : items)
      if (join(config.quarantine, item.name) == out->path) return explain_quarantined(config, item, out);
    for (const QuarantineItem& item : items)
      if (item.has_sidecar && join(config.quarantine, sidecar_of(item.name)) == out->path)
        return explain_companion(config, item, out);
  } else if (is_below(out->path, config.inbox)) {
    const std::string relative = out->path.substr(config.inbox.size() + 1);
    Directory inbox;
    Directory folder;
    if (status.ok() && !is_absent(config.inbox)) status = Directory::open(config.inbox, &inbox);
    if (status.ok() && inbox.fd() >= 0) status = inbox.open_below(folder_of(relative), false, &folder);
    FileStat observed{.kind = FileKind::kMissing};
    if (status.ok() && folder.fd() >= 0) observed = folder.stat_of(std::string(base_name(relative)));
    if (status.fault != Fault::kGone) unread = status.message;
    if (observed.kind != FileKind::kMissing) return explain_in_inbox(context, relative, observed, out);
  }
  explain_gone(context, unread, out);
}

void print_json(const Explanation& report, Console* console) {
  JsonLine json;
  json.add("file", report.path);
  json.add("state", report.state);
  json.add("reason", report.reason);
  json.add("since", report.since);
  json.add("attempts", report.attempts);
  json.add("next_try", report.next_try);
  json.add("advice", report.advice);
  if (report.listed) {
    json.begin_object("list");
    json.add("sender", report.listed->sender);
    json.add("stream", report.listed->stream);
    json.add("number", report.listed->list);
    json.add("entry", report.listed->entry);
    json.add("listed_utc", report.listed->listed_utc);
    json.end_object();
  } else {
    json.add_null("list");
  }
  json.begin_array("receipts");
  for (const EntryReceipt& each : report.receipts) {
    json.begin_element();
    json.add("node", each.node);
    json.add("outcome", each.outcome);
    if (each.receipt > 0) {
      json.add("receipt", each.receipt);
      json.add("made_utc", each.made_utc);
    } else {
      json.add_null("receipt");
      json.add_null("made_utc");
    }
    json.end_object();
  }
  json.end_array();
  json.add("receipts_problem", report.receipts_problem);
  json.begin_array("passed_over");
  for (const std::string& path : report.passed_over) json.add_element(path);
  json.end_array();
  json.begin_array("history");
  for (const LogLine& line : report.history) {
    json.begin_element();
    json.add("datetime_utc", line.datetime_utc);
    json.add("event", line.event);
    json.add("status", line.status);
    json.add("dst", line.target);
    json.add("message", line.message);
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

std::string receipt_text(const EntryReceipt& each, const Explanation& report) {
  if (each.receipt > 0)
    return shown(each.node) + " " + each.outcome + ", by receipt " + std::to_string(each.receipt) + " of " +
           each.made_utc;
  if (!each.outcome.empty()) return shown(each.node) + " " + each.outcome;
  return shown(each.node) + " none that says so, since " + report.listed->listed_utc;
}

void print_text(const Explanation& report, Console* console) {
  console->row("file", shown(report.path));
  console->row("state", report.state);
  if (!report.reason.empty()) console->row("reason", shown(report.reason));
  if (!report.since.empty()) console->row("since", report.since);
  if (report.attempts > 0) console->row("attempts", std::to_string(report.attempts));
  if (!report.next_try.empty()) console->row("next try", shown(report.next_try));
  if (!report.advice.empty()) console->row("what to do", shown(report.advice));
  if (report.listed)
    console->row("listed", "entry " + std::to_string(report.listed->entry) + ", in list " +
                               std::to_string(report.listed->list) + " of " + shown(report.listed->sender) +
                               ", stream " + report.listed->stream + ", at " + report.listed->listed_utc);
  for (const EntryReceipt& each : report.receipts) console->row("receipt", receipt_text(each, report));
  if (!report.receipts_problem.empty()) console->row("receipt", "unknown: " + shown(report.receipts_problem));
  for (const LogLine& line : report.history)
    console->row("log", line.datetime_utc + "  " + shown(line.event) + "  " +
                            shown(line.target.empty() ? line.message : line.target + "  " + line.message));
  if (!report.passed_over.empty()) console->row("log", shown(passed_over_text(report.passed_over)));
}

}  // namespace

paxect_plugin_status run_explain(const Call& call) {
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  const std::string& word = call.arguments().words.front();
  if (word.empty())
    return call.fail(PAXECT_PLUGIN_USAGE, "explain: an empty name: give a path, or a name in the inbox");
  Explanation report;
  report.path = find_path(context.config, word);
  if (Status status = read_history(context.config, &report); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  explain(context, &report);
  if (report.listed)
    report.receipts_problem = receipts_about(context, *report.listed, &report.receipts).message;
  if (call.arguments().json)
    print_json(report, &call.console());
  else
    print_text(report, &call.console());
  return report.state == "unknown" ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link
