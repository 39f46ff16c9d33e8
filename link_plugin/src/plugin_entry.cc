// The only export: the plugin's descriptor. Every thunk catches everything.
#include <paxect/plugin.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "base/exception_text.h"
#include "base/host.h"
#include "base/version.h"
#include "commands/command.h"
#include "relay/relay.h"

struct paxect_plugin_instance {
  explicit paxect_plugin_instance(const paxect_host* host) : relay(paxect::link::Host(host)) {}
  paxect::link::Relay relay;
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
      instance->caught = paxect::link::exception_text(error);
    }
  } catch (...) {
  }
  return PAXECT_PLUGIN_INTERNAL;
}

paxect_plugin_status create(const paxect_host* host, paxect_plugin_instance** out) noexcept {
  try {
    if (!paxect::link::Host(host).complete()) return PAXECT_PLUGIN_INTERNAL;
    *out = new paxect_plugin_instance(host);
    return PAXECT_PLUGIN_OK;
  } catch (...) {
    return PAXECT_PLUGIN_INTERNAL;
  }
}

paxect_plugin_status init(paxect_plugin_instance* instance) noexcept {
  return guarded(instance, [&] { return instance->relay.init(); });
}

paxect_plugin_status start(paxect_plugin_instance* instance) noexcept {
  return guarded(instance, [&] { return instance->relay.start(); });
}

paxect_plugin_status step(paxect_plugin_instance* instance, paxect_step* result) noexcept {
  return guarded(instance, [&] { return instance->relay.step(result); });
}

void stop(paxect_plugin_instance* instance) noexcept {
  guarded(instance, [&] {
    instance->relay.stop();
    return PAXECT_PLUGIN_OK;
  });
}

paxect_plugin_status reload(paxect_plugin_instance* instance) noexcept {
  return guarded(instance, [&] {
    instance->relay.reload();
    return PAXECT_PLUGIN_OK;
  });
}

void destroy(paxect_plugin_instance* instance) noexcept {
  std::unique_ptr<paxect_plugin_instance> owned(instance);
}

const char* error(paxect_plugin_instance* instance) noexcept {
  return instance->caught.empty() ? instance->relay.error().c_str() : instance->caught.c_str();
}

const void* extension(const char* id) noexcept {
  static constexpr paxect_reload_extension kReload = {sizeof kReload, reload};
  if (std::string_view(id) == PAXECT_EXTENSION_COMMANDS) return paxect::link::commands_extension();
  if (std::string_view(id) == PAXECT_EXTENSION_RELOAD) return &kReload;
  return nullptr;
}

constexpr paxect_plugin_descriptor kDescriptor = {
    .magic = PAXECT_PLUGIN_MAGIC,
    .abi_major = PAXECT_PLUGIN_ABI_MAJOR,
    .abi_minor = PAXECT_PLUGIN_ABI_MINOR,
    .struct_size = sizeof(paxect_plugin_descriptor),
    .reserved = 0,
    .name = "link",
    .version = paxect::link::kVersion,
    .summary = "relays files from an inbox to an outbox: verified, durable, each exactly once",
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
