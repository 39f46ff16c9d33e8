// The paths that a running carrier keeps; the host takes all others from its thread, and from those of the
// library that are started after it.
#pragma once

#include "host.h"
#include "settings.h"
#include "status.h"

namespace paxect::carrier {

Status enter_sandbox(const Host& host, const Settings& settings);

}  // namespace paxect::carrier
