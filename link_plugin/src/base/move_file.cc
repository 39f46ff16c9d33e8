#include "base/move_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <tuple>

#include "base/read_lease.h"
#include "base/relay_paths.h"
#include "base/removal.h"
#include "base/unique_fd.h"

namespace paxect::link {
namespace {

Status changed(const Directory& from, const std::string& name) {
  return Status::changed(from.path_of(name) + " was replaced by another file");
}

// Between two mounts of one file system there is no rename, either.
bool is_one_mount(const Directory& from, const Directory& to) {
  struct statx one {};
  struct statx two {};
  if (statx(from.fd(), "", AT_EMPTY_PATH, STATX_MNT_ID, &one) != 0 ||
      statx(to.fd(), "", AT_EMPTY_PATH, STATX_MNT_ID, &two) != 0)
    return true;
  const bool is_known = (one.stx_mask & two.stx_mask & STATX_MNT_ID) != 0;
  return !is_known || one.stx_mnt_id == two.stx_mnt_id;
}

bool is_there(const Directory& folder, const std::string& name, const FileIdentity& identity) {
  FileStat observed = folder.stat_of(name);
  return observed.kind == FileKind::kRegular && observed.identity.same_but_name(identity);
}

// Across file systems there is no rename: copy, flush, then remove.
Status move_by_copy(const Directory& from, const std::string& name, const FileIdentity& identity,
                    const Directory& to, const std::string& new_name, const Stop& stop, bool* taken,
                    std::vector<std::string>* returned) {
  *taken = false;
  UniqueFd source;
  FileIdentity found;
  if (Status status = from.open_source(name, &source, &found); !status.ok()) return status;
  if (found != identity) return changed(from, name);
  const Lease lease = take_lease(from, source.get());
  if (lease == Lease::kOpenForWriting) return open_for_writing(from.path_of(name));
  auto is_broken = [&] { return lease == Lease::kGranted && is_lease_broken(source.get()); };
  const std::string temporary = temporary_of(new_name);
  UniqueFd copy;
  Status status = to.create_temporary(temporary, &copy);
  if (status.ok())
    status = each_block(
        source.get(), from.path_of(name), identity.size, [&] { return is_broken() || stop(); },
        [&](const void* data, std::size_t size) {
          return write_all(copy.get(), data, size, to.path_of(temporary));
        });
  if (is_broken()) status = open_for_writing(from.path_of(name));
  if (status.ok() && stat_fd(source.get()).identity != identity) status = changed(from, name);
  if (status.ok()) status = sync_file(copy.get(), to.path_of(temporary));
  if (status.ok()) status = to.rename_new(temporary, new_name, taken);
  if (!status.ok()) {
    std::ignore = to.remove(temporary);
    return status;
  }
  status = to.sync();
  if (status.ok()) status = remove_same(from, name, identity, returned);
  // Each try would leave one more copy.
  if (!status.ok() && (is_there(from, name, identity) || is_there(from, tombstone_of(name), identity)))
    std::ignore = to.remove(new_name);
  return status;
}

}  // namespace

Status move_file(const Directory& from, const std::string& name, const FileIdentity& identity,
                 const Directory& to, const std::string& new_name, const Stop& stop, bool* taken,
                 std::vector<std::string>* returned) {
  if (identity.device != stat_fd(to.fd()).identity.device || !is_one_mount(from, to))
    return move_by_copy(from, name, identity, to, new_name, stop, taken, returned);
  if (is_open_for_writing(from, name)) return open_for_writing(from.path_of(name));
  Status status = from.move_new(name, to, new_name, taken);
  if (!status.ok()) return status;
  // What was moved is what had the name at that moment.
  FileStat moved = to.stat_of(new_name);
  if (moved.kind == FileKind::kMissing || moved.identity.same_but_name(identity)) return Status::success();
  Status back = put_back(to, new_name, from, name, returned);
  return back.ok() ? changed(from, name) : back;
}

}  // namespace paxect::link
