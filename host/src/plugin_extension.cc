#include "plugin_extension.h"

#include <cstring>
#include <optional>

#include "guard.h"

namespace paxect::host {

Status find_extension(const Plugin& plugin, const char* id, std::size_t size, const void** out) {
  const void* found = nullptr;
  std::optional<std::string> exception = guarded([&] { found = plugin.descriptor->extension(id); });
  *out = nullptr;
  if (exception) return internal_error("plugin " + plugin.name + ": extension " + *exception);
  if (found == nullptr) return {};
  std::size_t has = 0;  // every extension begins with its struct_size
  std::memcpy(&has, found, sizeof has);
  if (has < size)
    return internal_error("plugin " + plugin.name + ": extension " + id + " has " + std::to_string(has) +
                          " bytes, fewer than " + std::to_string(size));
  *out = found;
  return {};
}

}  // namespace paxect::host
