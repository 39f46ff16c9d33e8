// Failures of what surrounds an instance, as opposed to those of its settings.
#pragma once

#include <sys/statvfs.h>

#include <string>

#include "status.h"

namespace paxect::carrier {

// A disk, a share, descriptors or memory that fail, and may work again: never the fault of a setting.
bool is_environment(const Status& status);
// Whether a file system has a block and an inode for a user. What is reserved is for root.
bool has_room(const struct statvfs& info, bool is_root);
// A failure when the owner of an existing path can write nothing more to its file system.
Status check_room(const std::string& path);

}  // namespace paxect::carrier
