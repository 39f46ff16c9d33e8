// The host's services, under the name that the carrier's code uses.
#pragma once

#include <paxect/plugin.hpp>

namespace paxect::carrier {

using plugin::Host;

}  // namespace paxect::carrier
