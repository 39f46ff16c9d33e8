#include "protect/repair_job.h"

#include <vector>

#include "file_jobs.h"

namespace paxect::core {

Status repair_to_file(Repairer& repairer, const Parameters& parameters, const Callbacks& callbacks,
                      const std::string& output) {
  std::vector<NamedDescriptor> inputs;
  for (const CopyInput& input : repairer.inputs()) inputs.push_back({input.fd, input.name});
  return write_file(inputs, output, parameters, callbacks, [&](const Callbacks& to_file, bool can_withdraw) {
    Callbacks to_nowhere = callbacks;
    to_nowhere.sink = nullptr;
    Status status = can_withdraw ? Status{} : repairer.run(parameters, to_nowhere);
    return status.ok() ? repairer.run(parameters, to_file) : status;
  });
}

}  // namespace paxect::core
