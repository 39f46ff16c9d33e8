#include "quarantine.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cerrno>

#include "clock.h"
#include "printable.h"
#include "relay_paths.h"

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

Status move(const Directory& from, const std::string& name, const Directory& to, const std::string& new_name,
            bool* taken) {
  FileLook source = from.look(name);
  if (source.kind == FileKind::kMissing) return Status::success();
  if (source.identity.device != look_at(to.fd()).identity.device)
    return move_by_copy(from, name, to, new_name, taken);
  return from.move_new(name, to, new_name, taken);
}

}  // namespace

Status Quarantine::put(const Directory& from, const std::string& name, const QuarantineReason& reason,
                       std::string* moved_to) const {
  if (Status status = make_directories(path_); !status.ok()) return status;
  Directory to;
  if (Status status = Directory::open(path_, &to); !status.ok()) return status;
  std::string text = to_json(reason);
  for (unsigned number = 0;; ++number) {
    *moved_to = quarantined_of(name, number);
    if (to.look(*moved_to).kind != FileKind::kMissing) continue;
    if (Status status = replace_file(to.path_of(reason_of(*moved_to)), text); !status.ok()) return status;
    bool taken = false;
    Status status = move(from, name, to, *moved_to, &taken);
    if (taken) continue;
    if (!status.ok()) return status;
    break;
  }
  // The container first: alone in the inbox it would be checked against nothing.
  if (is_container(name)) {
    bool taken = false;
    Status status = move(from, sidecar_of(name), to, sidecar_of(*moved_to), &taken);
    if (!status.ok() && !taken) return status;
  }
  if (Status status = to.sync(); !status.ok()) return status;
  return from.sync();
}

std::string to_json(const QuarantineReason& reason) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  auto text = [&](const char* key, const std::string& value) {
    std::string safe = printable(value);
    writer.Key(key);
    writer.String(safe.data(), static_cast<rapidjson::SizeType>(safe.size()));
  };
  writer.StartObject();
  text("event", reason.event);
  text("reason", reason.reason);
  text("detail", reason.detail);
  writer.Key("attempts");
  writer.Uint(reason.attempts);
  text("first_utc", utc_text(reason.first_utc_ns));
  text("last_utc", utc_text(reason.last_utc_ns));
  text("source", reason.source);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace paxect::link
