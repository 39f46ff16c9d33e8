// The only export: the plugin's descriptor.
#include <paxect/plugin.hpp>

#include <string_view>

#include "panel.h"

namespace {

using Entry = paxect::plugin::Entry<paxect::panel::Panel>;

const void* extension(const char* id) noexcept {
  return std::string_view(id) == PAXECT_EXTENSION_RELOAD ? Entry::reload_extension() : nullptr;
}

constexpr paxect_plugin_descriptor kDescriptor =
    Entry::descriptor("panel", PAXECT_PANEL_VERSION,
                      "shows what the other sections report as a page for the operator", extension);

}  // namespace

extern "C" PAXECT_PLUGIN_EXPORT const paxect_plugin_descriptor* paxect_plugin_query(uint32_t) {
  return &kDescriptor;
}
