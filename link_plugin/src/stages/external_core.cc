#include "stages/external_core.h"

#include "base/child_process.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMessageLimit = 400;

}  // namespace

Status run_external_core(const std::vector<std::string>& command, const std::string& verb,
                         const std::string& input, const std::string& output, const std::string& event,
                         const std::function<bool()>& stop) {
  Child child{.words = command, .stop = stop};
  child.words.insert(child.words.end(), {verb, "-i", input, "-o", output});
  ChildEnd end;
  if (Status status = run_child(child, &end); !status.ok())
    return Status::environment("core: " + status.message);
  if (end.stopped) return Status::failure(Fault::kStopped, event, "stopped");
  if (end.status == 0) return Status::success();
  if (end.said.size() > kMessageLimit) end.said.erase(0, end.said.size() - kMessageLimit);
  Fault fault = end.status == 2 || end.status == 4 ? Fault::kIntegrity : Fault::kRefused;
  return Status::failure(fault, event,
                         "core '" + command[0] + " " + verb + "' ended with status " +
                             std::to_string(end.status) + (end.said.empty() ? "" : ": " + end.said));
}

}  // namespace paxect::link
