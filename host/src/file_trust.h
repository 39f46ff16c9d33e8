// Who could have changed a file that runs, or names what runs, with our rights.
#pragma once

#include <sys/stat.h>

#include <string>

namespace paxect::host {

// "owned by user 1001, ..." when the owner is neither root nor the effective user; empty otherwise.
std::string owner_fault(const struct stat& file);

// The same, and "writable by ..." when another user may write, with the remedy; empty when only root and the
// effective user can.
std::string write_fault(const struct stat& file);

}  // namespace paxect::host
