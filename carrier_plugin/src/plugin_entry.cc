// The only export: the plugin's descriptor. Every function of it catches everything.
#include <paxect/plugin.h>

#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "carrier.h"
#include "commands/command.h"
#include "host.h"

struct paxect_plugin_instance {
  explicit paxect_plugin_instance(const paxect_host* host) : carrier(paxect::carrier::Host(host)) {}
  paxect::carrier::Carrier carrier;
  std::string caught;
};

namespace {

// Runs one call of the life cycle; an exception becomes INTERNAL with its text kept for error().
template <class Call>
paxect_plugin_status guarded(paxect_plugin_instance* instance, const Call& call) noexcept {
  try {
    try {
      return call();
    } catch (const std::exception& error) {
      instance->caught = error.what();
    }
  } catch (...) {
  }
  return PAXECT_PLUGIN_INTERNAL;
}

paxect_plugin_status create(const paxect_host* host, paxect_plugin_instance** out) noexcept {
  try {
    if (!paxect::carrier::Host(host).complete()) return PAXECT_PLUGIN_INTERNAL;
    *out = new paxect_plugin_instance(host);
    return PAXECT_PLUGIN_OK;
  } catch (...) {
    return PAXECT_PLUGIN_INTERNAL;
  }
}

paxect_plugin_status init(paxect_plugin_instance* instance) noexcept {
  return guarded(instance, [&] { return instance->carrier.init(); });
}

paxect_plugin_status start(paxect_plugin_instance* instance) noexcept {
  return guarded(instance, [&] { return instance->carrier.start(); });
}

paxect_plugin_status step(paxect_plugin_instance* instance, paxect_step* result) noexcept {
  return guarded(instance, [&] { return instance->carrier.step(result); });
}

void stop(paxect_plugin_instance* instance) noexcept {
  guarded(instance, [&] {
    instance->carrier.stop();
    return PAXECT_PLUGIN_OK;
  });
}

void destroy(paxect_plugin_instance* instance) noexcept {
  const std::unique_ptr<paxect_plugin_instance> owned(instance);
}

const char* error(paxect_plugin_instance* instance) noexcept {
  return instance->caught.empty() ? instance->carrier.error().c_str() : instance->caught.c_str();
}

const void* extension(const char* id) noexcept {
  return std::string_view(id) == PAXECT_EXTENSION_COMMANDS ? paxect::carrier::commands_extension() : nullptr;
}

constexpr paxect_plugin_descriptor kDescriptor = {
    .magic = PAXECT_PLUGIN_MAGIC,
    .abi_major = PAXECT_PLUGIN_ABI_MAJOR,
    .abi_minor = PAXECT_PLUGIN_ABI_MINOR,
    .struct_size = sizeof(paxect_plugin_descriptor),
    .reserved = 0,
    .name = "carrier",
    .version = PAXECT_CARRIER_VERSION,
    .summary = "carries containers between folders of machines over NATS JetStream",
    .create = create,
    .init = init,
    .start = start,
    .step = step,
    .stop = stop,
    .destroy = destroy,
    .error = error,
    .extension = extension,
};

}  // namespace

extern "C" PAXECT_PLUGIN_EXPORT const paxect_plugin_descriptor* paxect_plugin_query(uint32_t) {
  return &kDescriptor;
}
