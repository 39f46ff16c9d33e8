#include "relay/statement_file.h"

#include <sys/file.h>

#include <tuple>
#include <vector>

#include "base/relay_paths.h"
#include "proof/statement.h"
#include "proof/statement_name.h"

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

void sweep_statements(const Directory& folder, std::string_view node) {
  std::vector<std::string> left;
  std::ignore = folder.list([&](const char* text) {
    const std::string_view name(text);
    const std::size_t end = name.rfind('.');
    StatementName statement;
    if (!name.starts_with('.') || end == 0 || end == std::string_view::npos) return true;
    if (!parse_statement_name(name.substr(1, end - 1), &statement) || statement.node != node) return true;
    if (temporary_of(name.substr(1, end - 1)) == name) left.emplace_back(name);
    return true;
  });
  for (const std::string& name : left) {
    UniqueFd fd;
    FileIdentity ignored;
    // Whoever writes one has it locked.
    if (folder.open_source(name, &fd, &ignored).ok() && flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
      std::ignore = folder.remove(name);
  }
}

}  // namespace paxect::link
