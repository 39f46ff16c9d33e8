// The C ABI of the repairer.
#include <algorithm>

#include "c_api/handle.h"
#include "protect/repair_job.h"
#include "protect/repairer.h"

struct paxect_repairer : paxect::core::Handle<paxect::core::Repairer, paxect::core::Role::kRepairer> {
  using Handle::Handle;
};

namespace core = paxect::core;

namespace paxect::core {
namespace {

paxect_repair_report summary(const RepairReport& from) {
  paxect_repair_report report{};
  report.proven = from.proven ? 1 : 0;
  report.protection = from.percent;
  report.container_size = from.size;
  report.total_size = from.footer.total_size;
  std::copy(from.footer.digest.begin(), from.footer.digest.end(), report.sha256);
  report.windows = from.windows;
  report.damaged_windows = from.damages.size();
  report.cells = from.cells;
  report.damaged = from.damaged;
  report.damaged_data = from.damaged_data;
  report.lacking = from.lacking;
  report.spare = from.spare;
  report.parity = from.parity;
  report.reason = from.reason;
  return report;
}

paxect_repair_window summary(const WindowDamage& from) {
  paxect_repair_window window{};
  window.struct_size = sizeof window;
  window.number = from.number;
  window.offset = from.offset;
  window.length = from.length;
  window.cells = from.cells;
  window.damaged = from.damaged;
  window.damaged_data = from.damaged_data;
  window.start = from.begin;
  window.end = from.end;
  window.lacking = from.lacking;
  return window;
}

}  // namespace
}  // namespace paxect::core

extern "C" {

paxect_status paxect_repairer_create(const paxect_allocator* allocator, paxect_repairer** out) {
  return core::create(allocator, out);
}
void paxect_repairer_free(paxect_repairer* repairer) { core::destroy(repairer); }
paxect_status paxect_repairer_reset(paxect_repairer* repairer) { return core::reset(repairer); }
paxect_status paxect_repairer_set_parameter(paxect_repairer* repairer, paxect_parameter id, int64_t value) {
  return core::set_parameter(repairer, id, value);
}
paxect_status paxect_repairer_set_sink(paxect_repairer* repairer, paxect_sink sink, void* opaque) {
  return core::set_sink(repairer, sink, opaque);
}
paxect_status paxect_repairer_set_progress(paxect_repairer* repairer, paxect_progress progress,
                                           void* opaque) {
  return core::set_progress(repairer, progress, opaque);
}

paxect_status paxect_repairer_add_fd(paxect_repairer* repairer, int fd, const char* name) {
  paxect_status status = core::admit(repairer, name != nullptr);
  if (status == PAXECT_OK) status = core::admit_descriptor(repairer, fd);
  if (status != PAXECT_OK) return status;
  return core::set(repairer, [&](paxect_repairer& to) { return to.codec.add(fd, name); });
}

paxect_status paxect_repairer_check(paxect_repairer* repairer) {
  return core::one_call_job(repairer, true, [&] {
    core::Callbacks callbacks = repairer->callbacks;
    callbacks.sink = nullptr;
    return repairer->codec.run(repairer->parameters, callbacks);
  });
}

paxect_status paxect_repairer_run(paxect_repairer* repairer) {
  paxect_status status = core::admit(repairer);
  if (status != PAXECT_OK) return status;
  if (repairer->callbacks.sink == nullptr)
    return core::refuse(*repairer, PAXECT_ERROR_SEQUENCE, "set a sink first");
  return core::one_call_job(repairer, true,
                            [&] { return repairer->codec.run(repairer->parameters, repairer->callbacks); });
}

paxect_status paxect_repairer_run_path(paxect_repairer* repairer, const char* output) {
  return core::one_call_job(repairer, output != nullptr, [&] {
    return core::repair_to_file(repairer->codec, repairer->parameters, repairer->callbacks, output);
  });
}

paxect_status paxect_repairer_report(const paxect_repairer* repairer, paxect_repair_report* report) {
  paxect_status status = core::admit(repairer);
  return status == PAXECT_OK ? core::give_structure(core::summary(repairer->codec.report()), report) : status;
}

paxect_status paxect_repairer_each_window(const paxect_repairer* repairer,
                                          paxect_repair_window_callback callback, void* opaque) {
  paxect_status status = core::admit(repairer);
  if (status != PAXECT_OK) return status;
  if (callback == nullptr) return PAXECT_ERROR_ARGUMENT;
  repairer->busy = true;
  try {
    for (const core::WindowDamage& from : repairer->codec.report().damages) {
      paxect_repair_window window = core::summary(from);
      if (callback(opaque, &window) != 0) break;
    }
  } catch (...) {
    status = core::caught().code;
  }
  repairer->busy = false;
  return status;
}

const char* paxect_repairer_error_message(const paxect_repairer* repairer) {
  return core::error_message(repairer);
}
uint64_t paxect_repairer_error_offset(const paxect_repairer* repairer) {
  return core::error_offset(repairer);
}

}  // extern "C"
