// The optional interfaces of a plugin, by id.
#pragma once

#include <cstddef>

#include "plugin_loader.h"
#include "status.h"

namespace paxect::host {

// *out is null when the plugin has no extension of this id. Fails with status 70 when the plugin throws or
// its structure is smaller than `size`.
Status find_extension(const Plugin& plugin, const char* id, std::size_t size, const void** out);

template <typename Extension>
Status find_extension(const Plugin& plugin, const char* id, const Extension** out) {
  const void* found = nullptr;
  Status status = find_extension(plugin, id, sizeof(Extension), &found);
  *out = static_cast<const Extension*>(found);
  return status;
}

}  // namespace paxect::host
