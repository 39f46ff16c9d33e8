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

// Calls visit(tag, permissions) for each entry; it may change the permissions.
template <class Visit>
void for_each_entry(std::string& acl, Visit visit) {
  for (std::size_t at = kAclHeaderSize; at + kAclEntrySize <= acl.size(); at += kAclEntrySize) {
    std::array<std::uint16_t, 2> entry{};
    std::memcpy(entry.data(), acl.data() + at, sizeof entry);
    mode_t permissions = le16toh(entry[1]) & 7u;
    visit(le16toh(entry[0]), permissions);
    entry[1] = htole16(static_cast<std::uint16_t>(permissions));
    std::memcpy(acl.data() + at, entry.data(), sizeof entry);
  }
}

AclPermissions parse_acl(std::string acl) {
  AclPermissions permissions;
  for_each_entry(acl, [&](std::uint16_t tag, mode_t& granted) {
    switch (tag) {
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
  });
  return permissions;
}

// The list for a file with the permission bits `mode`, in which the named users and groups have at most
// `named_limit`. Setting a list also sets the permission bits; with their final values in it, the file is at
// no time open to more users than in the end.
std::string narrowed_acl(std::string acl, mode_t mode, mode_t named_limit) {
  for_each_entry(acl, [&](std::uint16_t tag, mode_t& granted) {
    if (tag == kAclUserOwner) granted = mode >> 6 & 7;
    if (tag == kAclMask) granted = mode >> 3 & 7;
    if (tag == kAclOther) granted = mode & 7;
    if (tag == kAclUser || tag == kAclGroup) granted &= named_limit;
  });
  return acl;
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

// nullopt with errno set when they cannot be listed.
std::optional<std::vector<std::string>> xattr_names(int fd) {
  std::vector<std::string> names;
  ssize_t got = list_xattr(fd, nullptr, 0);
  if (got == 0) return names;
  if (got < 0) return std::nullopt;
  std::string list(kMaxXattr, '\0');
  got = list_xattr(fd, list.data(), list.size());
  if (got < 0) return std::nullopt;
  for (std::size_t at = 0; at < static_cast<std::size_t>(got); at += names.back().size() + 1)
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
  std::optional<std::vector<std::string>> names = xattr_names(from);
  if (!names && !has_no_xattr(errno)) lost.emplace_back("extended attributes");
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
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

mode_t FileAttributes::mode_with_acl_for(uid_t owner) const {
  mode_t user_bits = (mode() >> 6) & 7;
  return owner == file_.st_uid ? mode() : mode() & (0700 | user_bits << 3 | user_bits);
}

mode_t FileAttributes::common_access() const {
  return mode_for(static_cast<uid_t>(-1), static_cast<gid_t>(-1)) & 7;  // with no owner or group as before
}

namespace {

struct Permissions {
  mode_t mode = 0;
  std::string acl;  // empty: none
};

// Of the new file, whose owner and group are those of `now`; with the list of the file that it takes its
// permissions from, or without.
Permissions permissions_of(const struct stat& now, const AttributeSources& sources, bool with_acl) {
  const FileAttributes& from = sources.replaced ? *sources.replaced : sources.inputs.front();
  mode_t mode = with_acl ? from.mode_with_acl_for(now.st_uid) : from.mode_for(now.st_uid, now.st_gid);
  mode_t named_limit = 7;
  for (const FileAttributes& input : sources.inputs) {
    if (&input == &from) continue;
    bool alike = with_acl && input.acl() == from.acl() && input.file().st_gid == now.st_gid &&
                 input.file().st_uid == now.st_uid;
    mode &= alike ? input.mode() : input.mode_for(now.st_uid, now.st_gid);
    // Whom the list names may have been anybody to the input.
    if (!alike) named_limit &= input.common_access();
  }
  return {mode, with_acl ? narrowed_acl(from.acl(), mode, named_limit) : ""};
}

}  // namespace

// The mode comes first: it is also the mask of an access control list.
void make_private(int fd) {
  static_cast<void>(fchmod(fd, 0600));
  static_cast<void>(set_acl(fd, ""));
}

void set_attributes(int fd, const struct stat& directory, const AttributeSources& sources, mode_t usual,
                    std::vector<std::string>& lost) {
  const FileAttributes* input = sources.inputs.empty() ? nullptr : &sources.inputs.front();
  if (input != nullptr) {
    // Both times: some file systems in user space ignore a request for one of them without an error.
    std::array<timespec, 2> times{{input->file().st_atim, input->file().st_mtim}};
    if (futimens(fd, times.data()) != 0) lost.emplace_back("modification time");
  }
  // The file that permissions, group and access control list come from.
  const FileAttributes* from = sources.replaced ? &*sources.replaced : input;
  if (from == nullptr) return set_mode(fd, usual, lost);

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
  Permissions permissions = permissions_of(now, sources, same_owners && !from->acl().empty());
  if (!set_acl(fd, permissions.acl)) {
    permissions = permissions_of(now, sources, false);
    static_cast<void>(set_acl(fd, ""));
  }
  if (permissions.acl.empty() && !from->acl().empty() && sources.replaced)
    lost.emplace_back("access control list");
  set_mode(fd, permissions.mode, lost);
}

}  // namespace paxect::core
