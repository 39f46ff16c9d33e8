#include "base/file_system_type.h"

#include <fcntl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/relay_paths.h"
#include "base/unique_fd.h"

namespace paxect::link {
namespace {

struct Known {
  std::uint64_t magic;
  const char* name;
  bool is_synced_by_kernel;
};

// The values of linux/magic.h and of file systems that are kept outside the kernel; statfs(2) lists them. An
// overlay is written by the file system below it, which may be any; zfs and bcachefs come from elsewhere.
constexpr std::array<Known, 21> kKnown = {
    {{0xef53, "ext4", true},      {0x58465342, "xfs", true},   {0x9123683e, "btrfs", true},
     {0x2fc12fc1, "zfs", false},  {0xf2f52010, "f2fs", true},  {0xca451a4e, "bcachefs", false},
     {0x01021994, "tmpfs", true}, {0x858458f6, "ramfs", true}, {0x794c7630, "overlay", false},
     {0x6969, "nfs", false},      {0xff534d42, "smb", false},  {0xfe534d42, "smb", false},
     {0x517b, "smb", false},      {0x01021997, "9p", false},   {0x65735546, "fuse", false},
     {0x00c36400, "ceph", false}, {0x4d44, "fat", true},       {0x2011bab0, "exfat", true},
     {0x7366746e, "ntfs", true},  {0x5346544e, "ntfs", false}, {0x3153464a, "jfs", true}}};

const Known* find(std::uint64_t magic) {
  auto found =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& known) { return known.magic == magic; });
  return found == kKnown.end() ? nullptr : &*found;
}

}  // namespace

bool file_system_magic(int fd, std::uint64_t* magic) {
  struct statfs system {};
  if (fstatfs(fd, &system) != 0) return false;
  *magic = static_cast<std::uint32_t>(system.f_type);
  return true;
}

bool is_in_memory(const std::string& path) {
  for (std::string existing = path;; existing = directory_name(existing)) {
    UniqueFd fd(open(existing.c_str(), O_PATH | O_CLOEXEC));
    if (!fd && existing != directory_name(existing)) continue;
    std::uint64_t magic = 0;
    if (!fd || !file_system_magic(fd.get(), &magic)) return false;
    const std::string name = file_system_name(magic);
    return name == "tmpfs" || name == "ramfs";
  }
}

std::string file_system_name(std::uint64_t magic) {
  const Known* known = find(magic);
  return known == nullptr ? "" : known->name;
}

bool is_local(std::uint64_t magic) {
  constexpr std::array<std::string_view, 5> kServed = {"nfs", "smb", "9p", "fuse", "ceph"};
  const Known* known = find(magic);
  return known != nullptr && std::find(kServed.begin(), kServed.end(), known->name) == kServed.end();
}

bool is_synced_by_kernel(std::uint64_t magic) {
  const Known* known = find(magic);
  return known != nullptr && known->is_synced_by_kernel;
}

}  // namespace paxect::link
