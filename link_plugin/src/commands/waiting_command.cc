// `waiting`: the files of the inbox that could not be delivered, by the last report of the relay.
#include <algorithm>

#include "commands/command.h"
#include "commands/relay_context.h"
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

void print_json(const RelayContext& context, const RelayState& state, Console* console) {
  JsonLine json;
  json.add("unlisted",
           state.waiting_count - std::min<std::uint64_t>(state.waiting_count, state.waiting.size()));
  json.begin_array("items");
  for (const WaitingFile& file : state.waiting) {
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
  json.finish(console);
}

void print_text(const RelayContext& context, const RelayState& state, Console* console) {
  for (const WaitingFile& file : state.waiting) {
    console->line(shown(file.path) + "  " + std::string(name_of(file.state)) + "  " +
                  shown(file.event + ": " + file.reason));
    if (const std::string remedy = remedy_of(file, context); !remedy.empty())
      console->row("  what to do", shown(remedy));
  }
  if (state.waiting_count > state.waiting.size())
    console->line("and " + std::to_string(state.waiting_count - state.waiting.size()) + " more");
}

}  // namespace

paxect_plugin_status run_waiting(const Call& call) {
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  const RelayState state = state_of(context).value_or(RelayState());
  if (call.arguments().json)
    print_json(context, state, &call.console());
  else
    print_text(context, state, &call.console());
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link
