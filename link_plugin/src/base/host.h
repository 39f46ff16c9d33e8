// The host's services, under the name that link's code uses.
#pragma once

#include <paxect/plugin.hpp>

namespace paxect::link {

using plugin::exception_text;
using plugin::Host;

}  // namespace paxect::link
