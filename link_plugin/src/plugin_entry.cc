// The only export: the plugin's descriptor. Every thunk catches everything.
#include <paxect/plugin.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "host.h"
#include "operator_commands.h"
#include "relay.h"
#include "version.h"

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
      instance->caught = error.what();
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

void destroy(paxect_plugin_instance* instance) noexcept {
  std::unique_ptr<paxect_plugin_instance> owned(instance);
}

const char* error(paxect_plugin_instance* instance) noexcept {
  return instance->caught.empty() ? instance->relay.error().c_str() : instance->caught.c_str();
}

// ---- extensions ----------------------------------------------------------------------------------------

const paxect_command* command_at(uint32_t index) noexcept {
  try {
    static const std::vector<paxect_command> kCommands = [] {
      std::vector<paxect_command> commands;
      for (const auto& command : paxect::link::operator_commands())
        commands.push_back({sizeof(paxect_command), command.name, command.arguments, command.summary});
      return commands;
    }();
    return index < kCommands.size() ? &kCommands[index] : nullptr;
  } catch (...) {
    return nullptr;
  }
}

paxect_plugin_status run_command(const paxect_host* services, int32_t argc,
                                 const char* const* argv) noexcept {
  try {
    paxect::link::Host host(services);
    auto output =
        static_cast<const paxect_output_service*>(services->service(services, PAXECT_SERVICE_OUTPUT));
    if (!host.complete() || output == nullptr) return PAXECT_PLUGIN_INTERNAL;
    paxect::link::LinkConfig config;
    std::string error;
    paxect_plugin_status status = PAXECT_PLUGIN_CONFIG;
    if (paxect::link::read_config(host, &config, &error))
      status = paxect::link::run_operator_command(
          config, {argv, argv + argc},
          [&](const std::string& text) { output->write(services, text.data(), text.size()); }, &error);
    if (!error.empty()) host.log(PAXECT_LOG_ERROR, error);
    return status;
  } catch (...) {
    return PAXECT_PLUGIN_INTERNAL;
  }
}

paxect_plugin_status reload(paxect_plugin_instance* instance) noexcept {
  return guarded(instance, [&] {
    instance->relay.reload();
    return PAXECT_PLUGIN_OK;
  });
}

constexpr paxect_commands_extension kCommandsExtension = {
    .struct_size = sizeof(paxect_commands_extension), .command_at = command_at, .run = run_command};
constexpr paxect_reload_extension kReloadExtension = {.struct_size = sizeof(paxect_reload_extension),
                                                      .reload = reload};

const void* extension(const char* id) noexcept {
  std::string_view name = id;
  if (name == PAXECT_EXTENSION_COMMANDS) return &kCommandsExtension;
  if (name == PAXECT_EXTENSION_RELOAD) return &kReloadExtension;
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
