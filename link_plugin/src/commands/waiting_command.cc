// `waiting`: the files of the inbox that cannot be delivered now, the same that `status` counts.
#include <algorithm>

#include "base/relay_paths.h"
#include "commands/backlog.h"
#include "commands/command.h"
#include "commands/relay_context.h"
#include "records/journal.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

std::string remedy_of(const WaitingFile& file, const RelayContext& context) {
  if (file.state == FileState::kHeld) return kHeldRemedy;
  if (file.state != FileState::kBlocked) return "";
  return remedy_of(file.reason, context.config.mode, context.config.policy);
}

std::string next_try(const WaitingFile& file, const RelayContext& context) {
  return file.state == FileState::kPending && context.runs() ? utc_text(file.next_try_utc_ns) : "";
}

struct WaitingReport {
  std::vector<WaitingFile> files;  // at most RelayState::kMaxListed
  std::uint64_t unlisted = 0;      // files beyond
  std::string problem = {};  // why the inbox cannot be read: then they are those that were reported last
};

// By the inbox itself. While the inbox is away, by what a relay that runs reported last.
WaitingReport gather(const RelayContext& context, std::int64_t now_ns) {
  WaitingReport report;
  const std::optional<RelayState> state = state_of(context);
  JournalContents journal;
  std::ignore = read_journal(journal_of(context.config.state), &journal);
  std::map<std::string, WaitingFile> found;
  if (Status status = list_waiting(context, journal, state, now_ns, &found); !status.ok()) {
    report.problem = status.message;
    if (!state) return report;
    report.files = state->waiting;
    report.unlisted =
        state->waiting_count - std::min<std::uint64_t>(state->waiting_count, state->waiting.size());
    return report;
  }
  for (auto& [path, file] : found) {
    if (report.files.size() < RelayState::kMaxListed)
      report.files.push_back(std::move(file));
    else
      ++report.unlisted;
  }
  return report;
}

void print_json(const RelayContext& context, const WaitingReport& report, Console* console) {
  JsonLine json;
  json.add("unlisted", report.unlisted);
  json.begin_array("items");
  for (const WaitingFile& file : report.files) {
    json.begin_element();
    json.add("path", file.path);
    json.add("state", name_of(file.state));
    json.add("reason", file.event + ": " + file.reason);
    json.add("advice", remedy_of(file, context));
    json.add("since", utc_text(file.arrived_utc_ns));
    json.add("attempts", file.attempts);
    json.add("next_try", next_try(file, context));
    json.end_object();
  }
  json.end_array();
  json.add("problem", report.problem);
  json.finish(console);
}

void print_text(const RelayContext& context, const WaitingReport& report, Console* console) {
  if (!report.problem.empty())
    console->line("unknown what waits now, and this is what a relay reported last: " + shown(report.problem));
  for (const WaitingFile& file : report.files) {
    console->line(shown(file.path) + "  " + std::string(name_of(file.state)) + "  " +
                  shown(file.event + ": " + file.reason));
    if (const std::string remedy = remedy_of(file, context); !remedy.empty())
      console->row("  what to do", shown(remedy));
  }
  if (report.unlisted > 0) console->line("and " + std::to_string(report.unlisted) + " more");
}

}  // namespace

paxect_plugin_status run_waiting(const Call& call) {
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  const WaitingReport report = gather(context, call.host().realtime_ns());
  if (call.arguments().json)
    print_json(context, report, &call.console());
  else
    print_text(context, report, &call.console());
  return report.problem.empty() ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
