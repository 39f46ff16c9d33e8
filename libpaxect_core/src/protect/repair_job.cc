#include "protect/repair_job.h"

#include <vector>

#include "file_jobs.h"

namespace paxect::core {

Status repair_to_file(Repairer& repairer, const Parameters& parameters, const Callbacks& callbacks,
                      const std::string& output) {
  std::vector<NamedDescriptor> inputs;
  for (const CopyInput& input : repairer.inputs()) inputs.push_back({input.fd, input.name});
  return write_file(inputs, output, parameters, callbacks,
                    [&](const Callbacks& to_file) { return repairer.run(parameters, to_file); });
}

}  // namespace paxect::core
