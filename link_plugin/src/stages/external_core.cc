#include "stages/external_core.h"

#include "base/child_process.h"
#include "base/clock.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMessageLimit = 400;

}  // namespace

Status run_external_core(const CoreRun& run) {
  const std::string core = run.core.name() + " (" + run.verb + ")";
  Child child{.words = run.core.command, .stop = run.stop, .own_group = true};
  child.words.insert(child.words.end(), {run.verb, "-i", run.input, "-o", run.output});
  if (run.core.timeout_ns != 0) child.limit_ns = run.core.timeout_ns + (run.input_size >> 20) * kSecond;
  ChildEnd end;
  if (Status status = run_child(child, &end); !status.ok())
    return Status::environment("core: " + status.message);
  if (end.stopped) return Status::failure(Fault::kStopped, run.event, "stopped");
  if (end.late)
    return Status::failure(Fault::kRefused, run.event,
                           core + " did not end within " + seconds_text(child.limit_ns) +
                               " s: see the setting core_timeout_sec");
  if (end.status == 0) return Status::success();
  if (end.said.size() > kMessageLimit) end.said.erase(0, end.said.size() - kMessageLimit);
  Fault fault = end.status == 2 || end.status == 4 ? Fault::kIntegrity : Fault::kRefused;
  return Status::failure(
      fault, run.event,
      core + " ended with status " + std::to_string(end.status) + (end.said.empty() ? "" : ": " + end.said));
}

}  // namespace paxect::link
