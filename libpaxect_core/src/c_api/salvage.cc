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
  report.inputs = static_cast<std::uint32_t>(salvager.copies().size());  // of the run
  report.foreign = from.foreign;
  report.foreign_offset = from.foreign_offset;
  report.foreign_input = from.foreign_input;
  report.contested = from.contested ? 1 : 0;
  report.limited = from.search_limited ? 1 : 0;
  std::copy(from.digest.begin(), from.digest.end(), report.sha256);
  return report;
}

paxect_salvage_input summary(const SalvageInput& input, const CopyIndex& copy) {
  paxect_salvage_input out{};
  out.size = input.size;
  for (const Sighting& sighting : copy.sightings) {
    if (sighting.foreign || sighting.misfit) continue;
    if (sighting.finding == Finding::kConfirmed) ++out.confirmed;
    if (sighting.finding == Finding::kUnconfirmed) ++out.unconfirmed;
    if (sighting.finding == Finding::kRuined) ++out.ruined;
  }
  out.unreadable = copy.unreadable;
  out.used = input.used ? 1 : 0;
  out.header = copy.header_found ? 1 : 0;
  return out;
}

paxect_salvage_range summary(const SalvageRange& range) {
  paxect_salvage_range out{};
  out.struct_size = sizeof out;
  out.start = range.start;
  out.end = range.end;
  out.frames = range.frames;
  out.kind = range.lost ? PAXECT_RANGE_LOST : PAXECT_RANGE_UNCONFIRMED;
  out.exact = range.exact ? 1 : 0;
  return out;
}

}  // namespace
}  // namespace paxect::core

extern "C" {

paxect_status paxect_salvager_create(const paxect_allocator* allocator, paxect_salvager** out) {
  return core::create(allocator, out);
}
void paxect_salvager_free(paxect_salvager* salvager) { core::destroy(salvager); }
paxect_status paxect_salvager_reset(paxect_salvager* salvager) { return core::reset(salvager); }
paxect_status paxect_salvager_set_parameter(paxect_salvager* salvager, paxect_parameter id, int64_t value) {
  return core::set_parameter(salvager, id, value);
}
paxect_status paxect_salvager_set_sink(paxect_salvager* salvager, paxect_sink sink, void* opaque) {
  return core::set_sink(salvager, sink, opaque);
}
paxect_status paxect_salvager_set_progress(paxect_salvager* salvager, paxect_progress progress,
                                           void* opaque) {
  return core::set_progress(salvager, progress, opaque);
}

paxect_status paxect_salvager_add_fd(paxect_salvager* salvager, int fd, const char* name) {
  paxect_status status = core::admit(salvager, name != nullptr);
  if (status == PAXECT_OK) status = core::admit_descriptor(salvager, fd);
  if (status != PAXECT_OK) return status;
  return core::set(salvager, [&](paxect_salvager& to) { return to.codec.add(fd, name); });
}

paxect_status paxect_salvager_run(paxect_salvager* salvager) {
  paxect_status status = core::admit(salvager);
  if (status != PAXECT_OK) return status;
  if (salvager->callbacks.sink == nullptr)
    return core::refuse(*salvager, PAXECT_ERROR_SEQUENCE, "set a sink first");
  return core::one_call_job(salvager, true, [&] {
    core::Status found = salvager->codec.find(salvager->parameters, salvager->callbacks);
    return found.ok() ? salvager->codec.write(salvager->callbacks) : found;
  });
}

paxect_status paxect_salvager_run_path(paxect_salvager* salvager, const char* output) {
  return core::one_call_job(salvager, output != nullptr, [&] {
    return core::salvage_to_file(salvager->codec, salvager->parameters, salvager->callbacks, output);
  });
}

paxect_status paxect_salvager_report(const paxect_salvager* salvager, paxect_salvage_report* report) {
  paxect_status status = core::admit(salvager);
  return status == PAXECT_OK ? core::give_structure(core::summary(salvager->codec), report) : status;
}

paxect_status paxect_salvager_each_range(const paxect_salvager* salvager,
                                         paxect_salvage_range_callback callback, void* opaque) {
  paxect_status status = core::admit(salvager);
  if (status != PAXECT_OK) return status;
  if (callback == nullptr) return PAXECT_ERROR_ARGUMENT;
  salvager->busy = true;
  try {
    for (const core::SalvageRange& from : salvager->codec.report().ranges) {
      paxect_salvage_range range = core::summary(from);
      if (callback(opaque, &range) != 0) break;
    }
  } catch (...) {
    status = core::caught().code;
  }
  salvager->busy = false;
  return status;
}

paxect_status paxect_salvager_input(const paxect_salvager* salvager, uint32_t number,
                                    paxect_salvage_input* input) {
  paxect_status status = core::admit(salvager);
  if (status != PAXECT_OK) return status;
  if (number >= salvager->codec.copies().size()) return PAXECT_ERROR_ARGUMENT;
  return core::give_structure(
      core::summary(salvager->codec.inputs()[number], salvager->codec.copies()[number]), input);
}

const char* paxect_salvager_error_message(const paxect_salvager* salvager) {
  return core::error_message(salvager);
}
uint64_t paxect_salvager_error_offset(const paxect_salvager* salvager) {
  return core::error_offset(salvager);
}

}  // extern "C"
