#include "stages/external_core.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/child_process.h"
#include "base/clock.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMessageLimit = 400;

// Variables that carry settings of the relay and of other plugins, keys among them, and what a service
// manager gives to its service alone: credentials, the notification socket, the watchdog, passed sockets.
constexpr std::array<std::string_view, 8> kOwnVariables = {
    "PAXECT_",     "CREDENTIALS_DIRECTORY=", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_FDS=",
    "LISTEN_PID=", "LISTEN_FDNAMES=",        "INVOCATION_ID="};
// Not ours: settings of a core, such as the PAXECT_CORE_LIBRARY of the Python module.
constexpr std::string_view kVariablesOfCore = "PAXECT_CORE";

// Our environment without them.
std::vector<std::string> environment_for_core() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (variable.starts_with(kVariablesOfCore) ||
        std::none_of(kOwnVariables.begin(), kOwnVariables.end(),
                     [&](std::string_view own) { return variable.starts_with(own); }))
      kept.emplace_back(variable);
  }
  return kept;
}

}  // namespace

Status run_external_core(const CoreRun& run) {
  const std::string core = run.core.name() + " (" + run.verb + ")";
  Child child{.words = run.core.command, .stop = run.stop, .environment = environment_for_core()};
  child.words.insert(child.words.end(), {run.verb, "-i", run.input, "-o", run.output});
  if (run.core.timeout_ns != 0) child.limit_ns = run.core.timeout_ns + (run.input_size >> 20) * kSecond;
  ChildEnd end;
  if (Status status = run_child(child, &end); !status.ok())
    return Status::environment("core: " + status.message);
  if (end.stopped) return Status::stopped();
  if (end.late)
    return Status::refused(run.event, core + " did not end within " + seconds_text(child.limit_ns) +
                                          " s: see the setting core_timeout_sec");
  if (end.status == 0) return Status::success();
  if (end.said.size() > kMessageLimit) end.said.erase(0, end.said.size() - kMessageLimit);
  const std::string message =
      core + " ended with status " + std::to_string(end.status) + (end.said.empty() ? "" : ": " + end.said);
  bool damaged = end.status == 2 || end.status == 4;
  return damaged ? Status::integrity(run.event, message) : Status::refused(run.event, message);
}

}  // namespace paxect::link
