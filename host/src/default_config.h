// ./paxect.conf, which is read when nobody names a configuration.
//
// It names programs to run. It has to be a regular file that root or the effective user owns and no other
// user can write. It may be reached through symbolic links, if root or the effective user owns each of them:
// the owner of a link chooses the file. The directories are not validated: whoever can put another file there
// cannot make it ours.
#pragma once

#include "status.h"
#include "unique_fd.h"

namespace paxect::host {

inline constexpr const char* kDefaultConfig = "paxect.conf";

// Opens the file for reading, without blocking on one that is a FIFO. *out is not valid when no such file
// exists. Every check is of a descriptor, so it is about the file that is read.
Status open_default_config(UniqueFd* out);

}  // namespace paxect::host
