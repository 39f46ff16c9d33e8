// The plugin's version, as its descriptor and every log line give it.
#pragma once

namespace paxect::link {

inline constexpr const char* kVersion = PAXECT_LINK_VERSION;

}  // namespace paxect::link
