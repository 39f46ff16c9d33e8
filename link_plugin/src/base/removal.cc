#include "base/removal.h"

#include "base/blocks.h"
#include "base/digest.h"
#include "base/read_lease.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

// Whether `other` in `home` is another name of the file `name`, or has all that it has: a file system in user
// space may give each name of a file an inode number of its own. Where the contents cannot be read, nothing
// is concluded.
Status is_another_name(const Directory& folder, const std::string& name, const FileStat& observed,
                       const Directory& home, const std::string& other, bool* same) {
  const FileStat there = home.stat_of(other);
  *same = is_one_file(observed, there);
  if (there.kind == FileKind::kUnknown) return io_failure("stat", home.path_of(other), there.error);
  if (*same || observed.kind != FileKind::kRegular || there.kind != FileKind::kRegular ||
      observed.identity.size != there.identity.size || observed.identity.mtime_ns != there.identity.mtime_ns)
    return Status::success();
  const Stop never = [] { return false; };
  std::string digest;
  std::string other_digest;
  Status status = digest_of(folder, name, never, &digest);
  if (status.ok()) status = digest_of(home, other, never, &other_digest);
  *same = status.ok() && digest == other_digest;
  return status.fault == Fault::kGone || status.fault == Fault::kChanged ? Status::success() : status;
}

}  // namespace

Status confirm_gone(const Directory& folder, const std::string& name) {
  const std::string path = folder.path_of(name);
  if (!folder.is_in_place()) return Status::wait("the folder of " + path + " is away");
  const FileStat observed = folder.stat_of(name);
  if (observed.kind == FileKind::kMissing) return Status::success();
  if (observed.kind == FileKind::kUnknown) return io_failure("stat", path, observed.error);
  return Status::environment("the file system reported that " + path + " does not exist, and lists it");
}

Status remove_if(const Directory& folder, const std::string& name, const IsMeant& is_meant,
                 std::vector<std::string>* returned, bool* removed) {
  if (removed != nullptr) *removed = false;
  const std::string tombstone = tombstone_of(name);
  Status status = folder.rename_to_own(name, tombstone);
  // No file of the name: but an earlier try may have got this far.
  if (!status.ok() && status.fault != Fault::kGone) return status;
  FileStat observed = folder.stat_of(tombstone);
  if (observed.kind == FileKind::kMissing) {
    const Status gone = confirm_gone(folder, tombstone);
    return gone.ok() ? confirm_gone(folder, name) : gone;
  }
  if (observed.kind == FileKind::kUnknown)
    return io_failure("stat", folder.path_of(tombstone), observed.error);
  bool meant = false;
  status = is_meant(tombstone, observed, &meant);
  if (status.ok() && meant) {
    status = folder.remove(tombstone);
    if (removed != nullptr) *removed = status.ok();
    return status;
  }
  Status back = put_back(folder, tombstone, folder, name, returned);
  return status.ok() ? back : status;
}

Status remove_same(const Directory& folder, const std::string& name, const FileIdentity& identity,
                   std::vector<std::string>* returned, const MayBeOpen& may_be_open, bool* removed) {
  if (removed != nullptr) *removed = false;
  // While it is held, no new file can get its inode.
  UniqueFd held;
  Status status = folder.hold(name, &held);
  if (status.fault == Fault::kGone) return confirm_gone(folder, name);
  if (!status.ok()) return status;
  FileStat now = stat_fd(held.get());
  if (now.kind == FileKind::kUnknown) return io_failure("stat", folder.path_of(name), now.error);
  if (now.kind != FileKind::kRegular || now.identity != identity) return Status::success();
  // Who has it open for writing writes to a file without a name, once it is removed.
  UniqueFd leased;
  FileIdentity found;
  Lease lease = Lease::kUnavailable;
  if (may_lease(folder, name) && folder.open_source(name, &leased, &found).ok() && found == identity)
    lease = take_lease(folder, leased.get());
  if (lease == Lease::kUnavailable) leased.reset();
  auto is_in_use = [&](const std::string& by_name) {
    return lease == Lease::kUnavailable && may_be_open && may_be_open(by_name);
  };
  if (lease == Lease::kOpenForWriting || is_in_use(name)) return open_for_writing(folder.path_of(name));
  return remove_if(
      folder, name,
      [&](const std::string& tombstone, const FileStat& observed, bool* meant) {
        // Under its hidden name nobody finds it any more: who opened it before that has broken the lease.
        *meant = is_one_file(observed, now) && observed.identity.same_but_name(identity) &&
                 (lease != Lease::kGranted || !is_lease_broken(leased.get()));
        return *meant && is_in_use(tombstone) ? open_for_writing(folder.path_of(name)) : Status::success();
      },
      returned, removed);
}

Status remove_leased(const Directory& folder, const std::string& name, const FileStat& observed, int leased,
                     std::vector<std::string>* returned, bool* removed) {
  return remove_if(
      folder, name,
      [&](const std::string&, const FileStat& now, bool* meant) {
        *meant = is_one_file(now, observed) && now.identity.same_but_name(observed.identity) &&
                 !is_lease_broken(leased);
        return Status::success();
      },
      returned, removed);
}

Status put_back(const Directory& folder, const std::string& from, const Directory& home,
                const std::string& name, std::vector<std::string>* returned) {
  FileStat observed = folder.stat_of(from);
  if (observed.kind == FileKind::kMissing) return Status::success();
  // The same names each time: an earlier try may have got this far. A link changes the ctime.
  const std::string digest =
      sha256_hex(std::to_string(observed.identity.inode) + " " + std::to_string(observed.identity.mtime_ns));
  std::vector<std::string> names = {name};
  for (std::size_t digits : kConflictDigits) names.push_back(apart_of(name, digest.substr(0, digits)));
  Status status;
  for (const std::string& as : names) {
    bool taken = false;
    status = folder.move_new(from, home, as, &taken);
    if (status.ok()) returned->push_back(as);
    if (!taken) return status;
    // A hard link that stood in for the rename, and the old name could not be removed.
    bool is_back = false;
    if (Status same = is_another_name(folder, from, observed, home, as, &is_back); !same.ok()) return same;
    if (is_back) return folder.remove(from);
  }
  return status;
}

}  // namespace paxect::link
