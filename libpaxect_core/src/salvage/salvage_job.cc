#include "salvage/salvage_job.h"

#include <vector>

#include "file_jobs.h"

namespace paxect::core {

Status salvage_to_file(Salvager& salvager, const Parameters& parameters, const Callbacks& callbacks,
                       const std::string& output) {
  std::vector<NamedDescriptor> inputs;
  for (const SalvageInput& input : salvager.inputs()) inputs.push_back({input.fd, input.name});
  return write_file(inputs, output, parameters, callbacks, [&](const Callbacks& to_file, bool) {
    Status status = salvager.find(parameters, callbacks);
    return status.ok() ? salvager.write(to_file) : status;
  });
}

}  // namespace paxect::core
