// The host's services, under the name that the panel's code uses.
#pragma once

#include <paxect/plugin.hpp>

namespace paxect::panel {

using plugin::Host;

}  // namespace paxect::panel
