// What kind of file system a file is on, by the magic number that statfs(2) gives. Little may be concluded
// from it: a server may be behind any of them.
#pragma once

#include <cstdint>
#include <string>

namespace paxect::link {

// False, with errno, when it cannot be had.
bool file_system_magic(int fd, std::uint64_t* magic);

// "ext4", "nfs", ...; "" for an unknown one.
std::string file_system_name(std::uint64_t magic);

// Whether everybody who uses files of this file system does so through this kernel, which then knows who has
// one open, and whose attributes of a file are always those of now. False for an unknown one.
bool is_local(std::uint64_t magic);

// Whether a file under this path is, or would be, in memory alone, so that a reboot takes it away.
bool is_in_memory(const std::string& path);

// Whether the kernel itself writes this file system to its device, so that syncfs(2) writes all of it. A file
// system in user space, or a server, may take that call without doing anything.
bool is_synced_by_kernel(std::uint64_t magic);

}  // namespace paxect::link
