#include "relay/statement_file.h"

#include <tuple>

#include "base/relay_paths.h"
#include "proof/statement.h"

namespace paxect::link {

Status put_statement(const Directory& folder, const std::string& name, std::string_view contents) {
  Status taken_by_another =
      Status::environment(std::string(kTaken), folder.path_of(name) + " exists with another text");
  std::string found;
  Status status = folder.read_small(name, kMaxStatementSize, &found);
  if (status.ok()) return found == contents ? status : taken_by_another;
  if (status.fault == Fault::kEnvironment) return status;
  if (status.fault != Fault::kGone) return taken_by_another;
  UniqueFd fd;
  const std::string temporary = temporary_of(name);
  status = folder.create_temporary(temporary, &fd);
  if (!status.ok()) return status;
  bool is_taken = false;
  status = write_all(fd.get(), contents.data(), contents.size(), folder.path_of(temporary));
  if (status.ok()) status = sync_file(fd.get(), folder.path_of(temporary));
  if (status.ok()) status = folder.rename_new(temporary, name, &is_taken);
  if (status.ok() && is_taken) status = taken_by_another;
  if (!status.ok()) std::ignore = folder.remove(temporary);
  return status;
}

}  // namespace paxect::link
