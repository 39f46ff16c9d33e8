#include "file_attributes.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace paxect::core {
namespace {

constexpr const char* kAclName = "system.posix_acl_access";

// The value of an access control list, as linux/posix_acl_xattr.h defines it: a version, then entries of tag,
// permissions and id, all little-endian.
constexpr std::size_t kAclHeaderSize = 4;
constexpr std::size_t kAclEntrySize = 8;
enum AclTag : std::uint16_t {
  kAclUserOwner = 0x01,
  kAclUser = 0x02,
  kAclGroupOwner = 0x04,
  kAclGroup = 0x08,
  kAclMask = 0x10,
  kAclOther = 0x20
};

struct AclPermissions {
  mode_t group_owner = 7;
  mode_t named = 7;  // what every user and group has that is named
  mode_t mask = 7;
};

AclPermissions parse_acl(const std::string& acl) {
  AclPermissions permissions;
  for (std::size_t at = kAclHeaderSize; at + kAclEntrySize <= acl.size(); at += kAclEntrySize) {
    std::array<std::uint16_t, 2> entry{};
    std::memcpy(entry.data(), acl.data() + at, sizeof entry);
    mode_t granted = le16toh(entry[1]) & 7u;
    switch (le16toh(entry[0])) {
      case kAclGroupOwner:
        permissions.group_owner = granted;
        break;
      case kAclUser:
      case kAclGroup:
        permissions.named &= granted;
        break;
      case kAclMask:
        permissions.mask = granted;
        break;
      default:
        break;
    }
  }
  return permissions;
}

// Extended attributes by a descriptor; one that was opened with O_PATH has them by its name in /proc only.
std::string by_name(int fd) { return "/proc/self/fd/" + std::to_string(fd); }
ssize_t get_xattr(int fd, const char* name, char* value, std::size_t size) {
  ssize_t got = fgetxattr(fd, name, value, size);
  return got < 0 && errno == EBADF ? getxattr(by_name(fd).c_str(), name, value, size) : got;
}
ssize_t list_xattr(int fd, char* names, std::size_t size) {
  ssize_t got = flistxattr(fd, names, size);
  return got < 0 && errno == EBADF ? listxattr(by_name(fd).c_str(), names, size) : got;
}

constexpr std::size_t kMaxXattr = 65536;  // of a value, and of the list of names

bool has_no_xattr(int error) { return error == ENODATA || error == EOPNOTSUPP; }

// nullopt with errno set when there is none, or none that can be read.
std::optional<std::string> read_xattr(int fd, const char* name) {
  std::array<char, 256> usual;
  ssize_t got = get_xattr(fd, name, usual.data(), usual.size());
  if (got >= 0) return std::string(usual.data(), static_cast<std::size_t>(got));
  if (errno != ERANGE) return std::nullopt;
  std::string value(kMaxXattr, '\0');
  got = get_xattr(fd, name, value.data(), value.size());
  if (got < 0) return std::nullopt;
  value.resize(static_cast<std::size_t>(got));
  return value;
}

std::vector<std::string> xattr_names(int fd) {
  if (list_xattr(fd, nullptr, 0) <= 0) return {};
  std::string list(kMaxXattr, '\0');
  ssize_t got = list_xattr(fd, list.data(), list.size());
  std::vector<std::string> names;
  for (std::size_t at = 0; got > 0 && at < static_cast<std::size_t>(got); at += names.back().size() + 1)
    names.emplace_back(list.c_str() + at);
  return names;
}

// Access control lists are handled apart; capabilities are not kept; the others describe the old content.
bool is_copied(std::string_view name) {
  if (name.starts_with("system.") && name != "system.nfs4_acl") return false;
  static constexpr std::array<std::string_view, 3> kNever = {"security.capability", "security.ima",
                                                             "security.evm"};
  return std::find(kNever.begin(), kNever.end(), name) == kNever.end();
}

void copy_xattrs(int from, int to, std::vector<std::string>& lost) {
  for (const std::string& name : xattr_names(from)) {
    if (!is_copied(name)) continue;
    std::optional<std::string> value = read_xattr(from, name.c_str());
    if (value && read_xattr(to, name.c_str()) == value)
      continue;  // as a security module gives to each new file
    if (!value || fsetxattr(to, name.c_str(), value->data(), value->size(), 0) != 0)
      lost.push_back("extended attribute " + name);
  }
}

bool set_acl(int fd, const std::string& acl) {
  if (acl.empty()) return fremovexattr(fd, kAclName) == 0 || has_no_xattr(errno);
  return fsetxattr(fd, kAclName, acl.data(), acl.size(), 0) == 0;
}

// Owner and group, or as much of it as this process may give.
void keep_ownership(int fd, const struct stat& now, const struct stat& wanted) {
  if (now.st_uid == wanted.st_uid && now.st_gid == wanted.st_gid) return;
  if (fchown(fd, wanted.st_uid, wanted.st_gid) == 0 || now.st_gid == wanted.st_gid) return;
  [[maybe_unused]] int ignored = fchown(fd, static_cast<uid_t>(-1), wanted.st_gid);
}

// File systems without permissions, such as FAT, refuse bits that they cannot store: that matters where
// somebody can read or write the file who should not.
void set_mode(int fd, mode_t wanted, std::vector<std::string>& lost) {
  struct stat now {};
  if (fchmod(fd, wanted) == 0 || fstat(fd, &now) != 0) return;
  if ((now.st_mode & 0066 & ~wanted) != 0 || (now.st_mode & 0777 & ~wanted) == 0)
    lost.push_back("permissions");
}

}  // namespace

FileAttributes::FileAttributes(const struct stat& file, int fd) : file_(file) {
  std::optional<std::string> acl = read_xattr(fd, kAclName);
  acl_unknown_ = !acl && !has_no_xattr(errno);
  acl_ = std::move(acl).value_or("");
}

mode_t FileAttributes::mode_for(uid_t owner, gid_t group) const {
  mode_t user_bits = (mode() >> 6) & 7;
  mode_t group_bits = (mode() >> 3) & 7;
  mode_t other_bits = mode() & 7;
  if (!acl_.empty()) {
    AclPermissions acl = parse_acl(acl_);
    group_bits =
        acl.group_owner & acl.mask & acl.named;  // whoever is named is in the group or another user now
    other_bits &= acl.named & acl.mask;
  }
  if (acl_unknown_) group_bits &= other_bits;  // they may be the mask of a list
  if (owner != file_.st_uid) group_bits &= user_bits, other_bits &= user_bits;  // so is the old owner
  if (group != file_.st_gid) group_bits = other_bits = group_bits & other_bits;
  return user_bits << 6 | group_bits << 3 | other_bits;
}

void set_attributes(int fd, const struct stat& directory, const AttributeSources& sources, mode_t usual,
                    std::vector<std::string>& lost) {
  const std::optional<FileAttributes>& input = sources.input;
  if (input) {
    std::array<timespec, 2> times{{{0, UTIME_OMIT}, input->file().st_mtim}};
    if (futimens(fd, times.data()) != 0) lost.emplace_back("modification time");
  }
  // The file that permissions, group and access control list come from.
  const std::optional<FileAttributes>& from = sources.replaced ? sources.replaced : input;
  if (!from) return set_mode(fd, usual, lost);

  struct stat now {};
  if (fstat(fd, &now) != 0) now = directory;
  struct stat wanted = from->file();
  if (!sources.replaced) {
    wanted.st_uid = now.st_uid;
    if ((directory.st_mode & S_ISGID) != 0) wanted.st_gid = now.st_gid;  // the directory says whose it is
  }
  keep_ownership(fd, now, wanted);
  if (fstat(fd, &now) != 0) now = directory;
  if (sources.replaced) {
    if (now.st_uid != wanted.st_uid) lost.emplace_back("owner");
    if (now.st_gid != wanted.st_gid) lost.emplace_back("group");
    copy_xattrs(sources.replaced_fd, fd, lost);
  }

  bool same_owners = now.st_gid == from->file().st_gid && (!sources.replaced || now.st_uid == wanted.st_uid);
  bool acl_kept = set_acl(fd, same_owners ? from->acl() : "") && same_owners;
  if (!acl_kept && !from->acl().empty() && sources.replaced) lost.emplace_back("access control list");
  mode_t mode = acl_kept && !from->acl().empty() ? from->mode() : from->mode_for(now.st_uid, now.st_gid);
  if (sources.replaced && input) {
    bool alike = acl_kept && input->acl() == from->acl() && input->file().st_gid == now.st_gid;
    mode &= alike ? input->mode() : input->mode_for(now.st_uid, now.st_gid);
  }
  set_mode(fd, mode, lost);
}

}  // namespace paxect::core
