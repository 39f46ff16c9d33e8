// The only export: the plugin's descriptor.
#include <paxect/plugin.hpp>

#include <string_view>

#include "carrier.h"
#include "commands/command.h"

namespace {

const void* extension(const char* id) noexcept {
  return std::string_view(id) == PAXECT_EXTENSION_COMMANDS ? paxect::carrier::commands_extension() : nullptr;
}

using Entry = paxect::plugin::Entry<paxect::carrier::Carrier>;
constexpr paxect_plugin_descriptor kDescriptor =
    Entry::descriptor("carrier", PAXECT_CARRIER_VERSION,
                      "carries containers between folders of machines over NATS JetStream", extension);

}  // namespace

extern "C" PAXECT_PLUGIN_EXPORT const paxect_plugin_descriptor* paxect_plugin_query(uint32_t) {
  return &kDescriptor;
}
