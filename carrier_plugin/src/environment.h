// Failures of what surrounds an instance, as opposed to those of its settings.
#pragma once

#include <string>

#include "status.h"

namespace paxect::carrier {

// A disk, a share, descriptors or memory that fail, and may work again: never the fault of a setting.
bool is_environment(const Status& status);
// A failure when this user can write nothing more to the file system of an existing path.
Status check_room(const std::string& path);

}  // namespace paxect::carrier
