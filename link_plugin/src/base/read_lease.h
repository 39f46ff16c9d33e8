// A read lease (fcntl(2), F_SETLEASE) proves that no process has a file open for writing. Whoever opens it
// for writing afterwards blocks until the lease is given back, by closing the descriptor.
//
// The kernel breaks a lease after /proc/sys/fs/lease-break-time seconds (45), so whoever holds one over
// longer work asks is_lease_broken() in between. No signal reaches the process: the descriptor has no owner
// to send one to.
#pragma once

#include "base/filesystem.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

enum class Lease {
  kGranted,
  kOpenForWriting,  // a process has the file open for writing
  kUnavailable      // not our file, or a file system where a lease proves nothing
};

// Requires: `fd` is open for reading only, on a regular file in `folder`.
Lease take_lease(const Directory& folder, int fd);
// Whether somebody waits to open the file for writing, or did so already. Requires: a granted lease.
bool is_lease_broken(int fd);
// Closing the descriptor does it too.
void give_back_lease(int fd);

// Whether we may have leases on files of every user: CAP_LEASE, which counts in the first user namespace
// only. Otherwise we may have them on our own.
bool may_lease_every_file();

// Whether a lease on the file of this name can show anything; false also when there is none.
bool may_lease(const Directory& folder, const std::string& name);

// The file is written to: wait. `path` is for messages.
Status open_for_writing(const std::string& path);
// Whether the file of this name is known to be open for writing now; false also when nobody knows.
bool is_open_for_writing(const Directory& folder, const std::string& name);

}  // namespace paxect::link
