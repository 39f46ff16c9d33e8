#include "base/move_file.h"

#include <cerrno>

#include "base/relay_paths.h"
#include "base/unique_fd.h"

namespace paxect::link {
namespace {

// Across file systems there is no rename: copy, flush, then remove.
Status move_by_copy(const Directory& from, const std::string& name, const Directory& to,
                    const std::string& new_name, bool* taken) {
  *taken = false;
  UniqueFd source;
  FileIdentity identity;
  if (Status status = from.open_source(name, &source, &identity); !status.ok()) return status;
  const std::string temporary = temporary_of(new_name);
  UniqueFd copy;
  Status status = to.create_temporary(temporary, &copy);
  std::string buffer(std::size_t{1} << 18, '\0');
  while (status.ok()) {
    ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = io_failure("read", from.path_of(name), errno);
    if (got <= 0) break;
    status = write_all(copy.get(), buffer.data(), static_cast<std::size_t>(got), to.path_of(temporary));
  }
  if (status.ok()) status = sync_file(copy.get(), to.path_of(temporary));
  if (status.ok()) status = to.rename_new(temporary, new_name, taken);
  if (!status.ok()) {
    Status ignored = to.remove(temporary);
    return status;
  }
  if (status = to.sync(); !status.ok()) return status;
  return from.remove(name);
}

}  // namespace

Status move_file(const Directory& from, const std::string& name, const Directory& to,
                 const std::string& new_name, bool* taken) {
  FileLook source = from.look(name);
  if (source.kind == FileKind::kMissing) return Status::success();
  if (source.identity.device != look_at(to.fd()).identity.device)
    return move_by_copy(from, name, to, new_name, taken);
  return from.move_new(name, to, new_name, taken);
}

}  // namespace paxect::link
