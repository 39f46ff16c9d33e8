// From the name of a plugin to its descriptor. Modules are never unloaded: their threads, destructors and
// strings may be in use until the process ends.
#pragma once

#include <paxect/plugin.h>

#include <string>

#include "plugin_directory.h"
#include "status.h"

namespace paxect::host {

struct Plugin {
  std::string name;
  std::string path;
  const paxect_plugin_descriptor* descriptor = nullptr;
};

// Checks the file, loads the module and checks its descriptor. Any failure has status 78 and names the file.
// Loading a plugin again returns the same descriptor.
Status load_plugin(const PluginDirectory& directory, const std::string& name, Plugin* out);

// Whether this host can use a descriptor; `plugin.descriptor` may be null. Reads only what the ABI allows.
Status check_descriptor(const Plugin& plugin);

}  // namespace paxect::host
