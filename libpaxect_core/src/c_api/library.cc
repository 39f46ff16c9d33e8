// The C ABI's functions that need no handle: versions, status, bounds, info.
#include <zstd.h>

#include <string_view>

#include "c_api/handle.h"
#include "c_api/structures.h"
#include "parameters.h"
#include "reader/frame_walker.h"

namespace core = paxect::core;

extern "C" {

uint32_t paxect_core_version_number(void) { return PAXECT_CORE_VERSION_NUMBER; }
const char* paxect_core_version_string(void) {
#define PAXECT_TEXT_OF(x) #x
#define PAXECT_TEXT(x) PAXECT_TEXT_OF(x)
  return PAXECT_TEXT(PAXECT_CORE_VERSION_MAJOR) "." PAXECT_TEXT(PAXECT_CORE_VERSION_MINOR) "." PAXECT_TEXT(
      PAXECT_CORE_VERSION_PATCH);
}
uint32_t paxect_core_zstd_version_number(void) { return ZSTD_versionNumber(); }
const char* paxect_core_zstd_version_string(void) { return ZSTD_versionString(); }

const char* paxect_status_name(paxect_status status) { return core::status_name(status); }
int32_t paxect_status_exit_code(paxect_status status) { return core::status_exit_code(status); }

paxect_status paxect_parameter_bounds(paxect_parameter id, int64_t* min, int64_t* max, int64_t* initial) {
  const core::ParameterBounds* bounds = core::parameter_bounds(id);
  if (bounds == nullptr) return PAXECT_ERROR_PARAMETER;
  if (min != nullptr) *min = bounds->minimum;
  if (max != nullptr) *max = bounds->maximum;
  if (initial != nullptr) *initial = bounds->default_value;
  return PAXECT_OK;
}

paxect_status paxect_read_info_fd(int fd, paxect_container_info* info, char* message, size_t capacity) {
  if (!core::can_take_structure(info)) return PAXECT_ERROR_ARGUMENT;
  core::Status status;
  try {
    core::ContainerEnds ends;
    status = core::is_readable(fd) ? core::read_ends(fd, ends)
                                   : core::failure(PAXECT_ERROR_ARGUMENT, core::kNotReadable);
    if (status.ok())
      core::give_structure(core::describe(ends.header, ends.footer, ends.container_size), info);
  } catch (...) {
    status = core::caught();
  }
  if (message != nullptr && capacity != 0) {
    std::string_view text = core::text_of(status);
    std::size_t size = std::min(text.size(), capacity - 1);
    std::memcpy(message, text.data(), size);
    message[size] = '\0';
  }
  return status.code;
}

}  // extern "C"
