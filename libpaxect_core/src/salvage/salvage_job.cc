#include "salvage/salvage_job.h"

#include <vector>

#include "output_file.h"

namespace paxect::core {
namespace {

// The file as a sink; keeps what it has to say about a failure, since a sink can only say that there was one.
struct FileSink {
  OutputFile file;
  Interrupted interrupted;
  Status trouble;

  static std::int32_t write(void* opaque, const void* data, std::size_t size) {
    auto& self = *static_cast<FileSink*>(opaque);
    self.trouble = self.file.write(data, size, self.interrupted);
    return self.trouble.ok() ? 0 : 1;
  }
};

}  // namespace

Status salvage_to_file(Salvager& salvager, const Parameters& parameters, const Callbacks& callbacks,
                       const std::string& output) {
  FileSink sink;
  sink.interrupted = [&] { return !callbacks.report(0, salvager.report().bytes_out).ok(); };
  std::vector<FileIdentity> inputs;
  for (const SalvageInput& input : salvager.inputs()) inputs.emplace_back(input.identity);
  Status status = sink.file.open(output, inputs);
  if (status.ok()) status = salvager.find(parameters, callbacks);
  if (!status.ok()) return status;
  sink.file.set_sparse(parameters.sparse());
  Callbacks mine = callbacks;
  mine.sink = &FileSink::write;
  mine.sink_opaque = &sink;
  status = salvager.write(mine);
  if (!sink.trouble.ok()) return sink.trouble;
  if (!status.ok() && status.code != PAXECT_ERROR_PARTIAL) return status;
  Status committed = sink.file.commit(parameters.sync());
  return committed.ok() ? status : committed;
}

}  // namespace paxect::core
