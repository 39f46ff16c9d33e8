#include "stages/quarantine.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <set>
#include <tuple>

#include "base/clock.h"
#include "base/move_file.h"
#include "base/printable.h"
#include "base/relay_paths.h"
#include "base/sidecar.h"

namespace paxect::link {
Status Quarantine::put(const Directory& from, const std::string& name, const FileIdentity& identity,
                       const QuarantineReason& reason, std::string* moved_to,
                       std::vector<std::string>* returned) const {
  std::shared_ptr<const Directory> opened;
  if (Status status = open_(&opened); !status.ok()) return status;
  const Directory& to = *opened;
  std::string text = to_json(reason);
  for (unsigned number = 0;; ++number) {
    *moved_to = quarantined_of(name, number);
    FileLook there = to.look(*moved_to);
    if (there.kind == FileKind::kUnknown) return io_failure("stat", to.path_of(*moved_to), there.error);
    if (there.kind != FileKind::kMissing) continue;
    // A quarantined file can have the name of our reason file; it has a reason of its own then.
    if (to.look(reason_of(reason_of(*moved_to))).kind != FileKind::kMissing) continue;
    if (Status status = replace_file(to.path_of(reason_of(*moved_to)), text); !status.ok()) return status;
    bool taken = false;
    Status status = move_file(from, name, identity, to, *moved_to, stop_, &taken, returned);
    if (taken) continue;
    if (status.fault == Fault::kChanged || status.fault == Fault::kOpenForWriting)
      std::ignore = to.remove(reason_of(*moved_to));
    if (!status.ok()) return status;
    break;
  }
  // The container first: alone in the inbox it would be checked against nothing.
  // What is no regular file under its name stays, as everywhere.
  const std::string sidecar = is_container(name) ? find_sidecar(from, name) : "";
  FileLook beside = is_container(name) ? from.look(sidecar) : FileLook{.kind = FileKind::kMissing};
  if (beside.kind == FileKind::kUnknown) return io_failure("look at", from.path_of(sidecar), beside.error);
  if (beside.kind == FileKind::kRegular) {
    bool taken = false;
    Status status =
        move_file(from, sidecar, beside.identity, to, sidecar_of(*moved_to), stop_, &taken, returned);
    if (!status.ok() && !taken && status.fault != Fault::kChanged) return status;
  }
  if (Status status = to.sync(); !status.ok()) return status;
  return from.sync();
}

std::uint64_t Quarantine::count() {
  FileIdentity now;
  Directory directory;
  if (!identity_of(path_, &now) || !Directory::open(path_, &directory).ok()) return 0;
  if (now == counted_at_) return count_;
  std::set<std::string> names;
  Status status = directory.list([&](const char* name) { return names.insert(name).second; });
  count_ = 0;
  for (const std::string& name : names) count_ += names.contains(reason_of(name)) ? 1u : 0u;
  if (status.ok()) counted_at_ = now;
  return count_;
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
