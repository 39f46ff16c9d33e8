// The only export: the plugin's descriptor.
#include <paxect/plugin.hpp>

#include <string_view>

#include "base/version.h"
#include "commands/command.h"
#include "relay/relay.h"

namespace {

using Entry = paxect::plugin::Entry<paxect::link::Relay>;

const void* extension(const char* id) noexcept {
  if (std::string_view(id) == PAXECT_EXTENSION_COMMANDS) return paxect::link::commands_extension();
  if (std::string_view(id) == PAXECT_EXTENSION_RELOAD) return Entry::reload_extension();
  return nullptr;
}

constexpr paxect_plugin_descriptor kDescriptor = Entry::descriptor(
    "link", paxect::link::kVersion,
    "relays files from an inbox to an outbox: verified, durable, each exactly once", extension);

}  // namespace

extern "C" PAXECT_PLUGIN_EXPORT const paxect_plugin_descriptor* paxect_plugin_query(uint32_t) {
  return &kDescriptor;
}
