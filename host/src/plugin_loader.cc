#include "plugin_loader.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <system_error>

#include "guard.h"
#include "resources.h"

namespace paxect::host {
namespace {

// The size of a descriptor of version 1.0; later versions only add fields.
constexpr std::size_t kMinDescriptorSize =
    offsetof(paxect_plugin_descriptor, extension) + sizeof(paxect_plugin_descriptor::extension);

std::string version_text(unsigned major, unsigned minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string linker_error() {
  const char* text = dlerror();
  return text == nullptr ? "unknown reason" : text;
}

struct Opened {
  void* module = nullptr;
  paxect_plugin_query_function query = nullptr;  // nullptr when the module does not export it
  std::string error;                             // without a module: the linker's
  bool out_of_memory = false;
};

// Runs the constructors of the module, which may throw.
Opened open_module(const std::string& path) {
  Opened opened;
  errno = 0;
  opened.module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const int error = errno;
  if (opened.module != nullptr) {
    opened.query =
        reinterpret_cast<paxect_plugin_query_function>(dlsym(opened.module, PAXECT_PLUGIN_QUERY_SYMBOL));
    return opened;
  }
  opened.error = linker_error();
  // The text of a mmap() that failed lacks the reason, and errno may be that of a later call.
  opened.out_of_memory =
      error == ENOMEM || opened.error.find(std::generic_category().message(ENOMEM)) != std::string::npos;
  return opened;
}

const char* missing_part(const paxect_plugin_descriptor& descriptor) {
  if (descriptor.name == nullptr) return "name";
  if (descriptor.version == nullptr) return "version";
  if (descriptor.summary == nullptr) return "summary";
  if (descriptor.create == nullptr) return "create";
  if (descriptor.init == nullptr) return "init";
  if (descriptor.start == nullptr) return "start";
  if (descriptor.step == nullptr) return "step";
  if (descriptor.stop == nullptr) return "stop";
  if (descriptor.destroy == nullptr) return "destroy";
  if (descriptor.error == nullptr) return "error";
  if (descriptor.extension == nullptr) return "extension";
  return nullptr;
}

}  // namespace

Status check_descriptor(const Plugin& plugin) {
  auto refuse = [&](const std::string& why) { return config_error(plugin.path + ": " + why); };
  const std::string host_version = version_text(PAXECT_PLUGIN_ABI_MAJOR, PAXECT_PLUGIN_ABI_MINOR);
  if (plugin.descriptor == nullptr)
    return refuse("reports that it cannot run with plugin ABI " + host_version + ", which this host has");
  const paxect_plugin_descriptor& descriptor = *plugin.descriptor;
  if (descriptor.magic != PAXECT_PLUGIN_MAGIC)
    return refuse("not a PAXECT plugin: its descriptor has no magic");
  const std::string plugin_version = version_text(descriptor.abi_major, descriptor.abi_minor);
  if (descriptor.abi_major != PAXECT_PLUGIN_ABI_MAJOR)
    return refuse("built for plugin ABI " + plugin_version + ", this host has " + host_version +
                  ": build it for this host");
  if (descriptor.abi_minor > PAXECT_PLUGIN_ABI_MINOR)
    return refuse("needs plugin ABI " + plugin_version + ", this host has " + host_version +
                  ": use a newer host");
  if (descriptor.struct_size < kMinDescriptorSize)
    return refuse("its descriptor has " + std::to_string(descriptor.struct_size) + " bytes, ABI " +
                  plugin_version + " has at least " + std::to_string(kMinDescriptorSize));
  if (const char* missing = missing_part(descriptor))
    return refuse("its descriptor has no " + std::string(missing));
  if (descriptor.name != plugin.name)
    return refuse("its descriptor has the name '" + std::string(descriptor.name) + "', its file the name '" +
                  plugin.name + "'");
  return {};
}

Status load_plugin(const PluginDirectory& directory, const std::string& name, Plugin* out) {
  *out = {name, {}, nullptr};
  Status status = directory.check(name, &out->path);
  if (!status.ok()) return status;
  Opened opened;
  std::optional<std::string> exception = guarded([&] {
    opened = open_module(out->path);
    if (opened.query != nullptr) out->descriptor = opened.query(PAXECT_PLUGIN_ABI);
  });
  if (exception == kOutOfMemory || opened.out_of_memory)
    return resource_error(out->path + ": cannot be loaded", ENOMEM);
  if (exception) return config_error(out->path + ": " PAXECT_PLUGIN_QUERY_SYMBOL " " + *exception);
  if (opened.module == nullptr) {
    // The linker names the file at fault, which may be a library that the plugin needs.
    std::string prefix = out->path + ": ";
    if (no_descriptor_left()) return resource_error(prefix + "cannot be loaded", EMFILE);
    return config_error(
        prefix + "cannot be loaded: " +
        (opened.error.starts_with(prefix) ? opened.error.substr(prefix.size()) : opened.error));
  }
  if (opened.query == nullptr)
    return config_error(out->path + ": not a PAXECT plugin: it does not export " PAXECT_PLUGIN_QUERY_SYMBOL);
  return check_descriptor(*out);
}

}  // namespace paxect::host
