// The C ABI of the salvager.
#include "c_api/handle.h"
#include "salvage/salvage_job.h"
#include "salvage/salvager.h"

struct paxect_salvager : paxect::core::Handle<paxect::core::Salvager, paxect::core::Role::kSalvager> {
  using Handle::Handle;
};

namespace core = paxect::core;

namespace paxect::core {
namespace {

paxect_salvage_report summary(const Salvager& salvager) {
  const SalvageReport& from = salvager.report();
  paxect_salvage_report report{};
  report.proven = from.proven ? 1 : 0;
  report.frame_size = from.layout.frame_size;
  report.channels = from.layout.channels;
  report.header_input = from.header_input;
  report.footer_input = from.footer_input;
  report.size_known = from.size_known ? 1 : 0;
  report.size = from.size;
  report.frames = from.frames;
  report.confirmed = from.confirmed;
  report.unconfirmed = from.unconfirmed;
  report.lost = from.lost;
  report.lost_size = from.lost_bytes;
  report.written = from.bytes_out;
  report.over_limit = from.over_limit;
  report.ranges = from.ranges.size();
  report.inputs = static_cast<std::uint32_t>(salvager.inputs().size());
  report.limited = from.search_limited ? 1 : 0;
  std::copy(from.digest.begin(), from.digest.end(), report.sha256);
  return report;
}

paxect_salvage_input summary(const SalvageInput& input, const CopyIndex& copy) {
  paxect_salvage_input out{};
  out.size = input.size;
  for (const Sighting& sighting : copy.sightings) {
    if (sighting.foreign) continue;
    if (sighting.finding == Finding::kConfirmed) ++out.confirmed;
    if (sighting.finding == Finding::kUnconfirmed) ++out.unconfirmed;
    if (sighting.finding == Finding::kRuined) ++out.ruined;
  }
  out.unreadable = copy.unreadable;
  out.used = input.used ? 1 : 0;
  out.header = copy.header_found ? 1 : 0;
  return out;
}

// A salvage is one step: before it the handle is fresh, after it finished, with a partial result too.
template <class Work>
paxect_status salvage(paxect_salvager& salvager, Work work) {
  if (salvager.stage == Stage::kFailed) return salvager.status.code;
  if (salvager.stage == Stage::kFinished)
    return refused(salvager, PAXECT_ERROR_SEQUENCE, "the salvage is done: reset first");
  paxect_status code = guarded(salvager, Stage::kFinished, work);
  if (code == PAXECT_ERROR_PARTIAL) salvager.stage = Stage::kFinished;
  return code;
}

}  // namespace
}  // namespace paxect::core

extern "C" {

paxect_status paxect_salvager_create(const paxect_allocator* allocator, paxect_salvager** out) {
  return core::create(allocator, out);
}
void paxect_salvager_free(paxect_salvager* salvager) { core::destroy(salvager); }
paxect_status paxect_salvager_reset(paxect_salvager* salvager) { return core::reset(salvager); }
paxect_status paxect_salvager_set_parameter(paxect_salvager* salvager, paxect_parameter parameter,
                                            int64_t value) {
  return core::set_parameter(salvager, parameter, value);
}
paxect_status paxect_salvager_set_sink(paxect_salvager* salvager, paxect_sink sink, void* opaque) {
  return core::set_sink(salvager, sink, opaque);
}
paxect_status paxect_salvager_set_progress(paxect_salvager* salvager, paxect_progress progress,
                                           void* opaque) {
  return core::set_progress(salvager, progress, opaque);
}

paxect_status paxect_salvager_add_fd(paxect_salvager* salvager, int fd, const char* name) {
  if (salvager == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (name == nullptr || fd < 0)
    return core::refused(*salvager, PAXECT_ERROR_ARGUMENT, "no name, or no file");
  if (salvager->stage != core::Stage::kFresh)
    return core::refused(*salvager, PAXECT_ERROR_SEQUENCE,
                         "copies cannot be added after the salvage: reset first");
  try {
    salvager->status = salvager->codec.add(fd, name);
    return salvager->status.code;
  } catch (...) {
    return core::refused(*salvager, PAXECT_ERROR_MEMORY, "out of memory");
  }
}

paxect_status paxect_salvager_run(paxect_salvager* salvager) {
  if (salvager == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (salvager->callbacks.sink == nullptr)
    return core::refused(*salvager, PAXECT_ERROR_SEQUENCE, "set a sink first");
  return core::salvage(*salvager, [&] {
    core::Status status = salvager->codec.find(salvager->parameters, salvager->callbacks);
    return status.ok() ? salvager->codec.write(salvager->callbacks) : status;
  });
}

paxect_status paxect_salvager_run_path(paxect_salvager* salvager, const char* output) {
  if (salvager == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (output == nullptr) return core::refused(*salvager, PAXECT_ERROR_ARGUMENT, "the path is NULL");
  return core::salvage(*salvager, [&] {
    return core::salvage_to_file(salvager->codec, salvager->parameters, salvager->callbacks, output);
  });
}

paxect_status paxect_salvager_report(const paxect_salvager* salvager, paxect_salvage_report* report) {
  if (salvager == nullptr) return PAXECT_ERROR_ARGUMENT;
  return core::give(core::summary(salvager->codec), report);
}

paxect_status paxect_salvager_each_range(const paxect_salvager* salvager,
                                         paxect_salvage_range_callback callback, void* opaque) {
  if (salvager == nullptr || callback == nullptr) return PAXECT_ERROR_ARGUMENT;
  for (const core::SalvageRange& from : salvager->codec.report().ranges) {
    paxect_salvage_range range{};
    range.struct_size = sizeof range;
    range.start = from.start;
    range.end = from.end;
    range.frames = from.frames;
    range.kind = from.lost ? PAXECT_RANGE_LOST : PAXECT_RANGE_UNCONFIRMED;
    range.exact = from.exact ? 1 : 0;
    if (callback(opaque, &range) != 0) break;
  }
  return PAXECT_OK;
}

paxect_status paxect_salvager_input(const paxect_salvager* salvager, uint32_t number,
                                    paxect_salvage_input* input) {
  if (salvager == nullptr || number >= salvager->codec.copies().size()) return PAXECT_ERROR_ARGUMENT;
  return core::give(core::summary(salvager->codec.inputs()[number], salvager->codec.copies()[number]), input);
}

const char* paxect_salvager_error_message(const paxect_salvager* salvager) {
  return salvager == nullptr ? "" : salvager->status.message.c_str();
}
uint64_t paxect_salvager_error_offset(const paxect_salvager* salvager) {
  return salvager == nullptr ? 0 : salvager->status.offset;
}

}  // extern "C"
