#include "stages/quarantine.h"

#include <checked_json.h>

#include <set>
#include <tuple>

#include "base/clock.h"
#include "base/move_file.h"
#include "base/printable.h"
#include "base/relay_paths.h"
#include "base/removal.h"
#include "base/sidecar.h"

namespace paxect::link {
namespace {

Status is_another(const Directory& folder, const std::string& name) {
  return Status::changed(folder.path_of(name) + " is another file now");
}

// The target exists: the file was moved there, or copied and not removed yet.
Status complete_move(const Directory& from, const std::string& name, const FileIdentity& identity,
                     const Directory& to, const std::string& target, const Stop& stop,
                     std::vector<std::string>* returned) {
  const FileStat here = from.stat_of(name);
  const FileStat tombstone = from.stat_of(tombstone_of(name));
  if (here.kind == FileKind::kUnknown) return io_failure("stat", from.path_of(name), here.error);
  const bool is_here = here.kind == FileKind::kRegular && here.identity.same_but_device(identity);
  const bool is_tombstone =
      tombstone.kind == FileKind::kRegular && tombstone.identity.same_but_name(identity);
  if (!is_here && !is_tombstone) return Status::success();
  std::string copied;
  std::string original;
  Status status = digest_of(to, target, stop, &copied);
  if (status.ok()) status = digest_of(from, is_here ? name : tombstone_of(name), stop, &original);
  if (!status.ok()) return status;
  if (copied != original) return is_another(to, target);
  return is_here ? remove_same(from, name, here.identity, returned) : from.remove(tombstone_of(name));
}

Status move_or_complete(const Directory& from, const std::string& name, const FileIdentity& identity,
                        const Directory& to, const std::string& target, const Stop& stop,
                        std::vector<std::string>* returned) {
  const FileStat there = to.stat_of(target);
  if (there.kind == FileKind::kUnknown) return io_failure("stat", to.path_of(target), there.error);
  if (there.kind == FileKind::kMissing) {
    bool taken = false;
    Status status = move_file(from, name, identity, to, target, stop, &taken, returned);
    return taken ? is_another(to, target) : status;
  }
  if (there.kind != FileKind::kRegular || there.identity.size != identity.size) return is_another(to, target);
  return complete_move(from, name, identity, to, target, stop, returned);
}

}  // namespace

Status Quarantine::choose(const std::string& name, std::string* target) const {
  std::shared_ptr<const Directory> opened;
  if (Status status = open_(&opened); !status.ok()) return status;
  for (unsigned number = 0;; ++number) {
    *target = quarantined_of(name, number);
    FileStat there = opened->stat_of(*target);
    if (there.kind == FileKind::kUnknown) return io_failure("stat", opened->path_of(*target), there.error);
    if (there.kind != FileKind::kMissing) continue;
    // A quarantined file can have the name of our reason file; it has a reason of its own then.
    if (opened->stat_of(reason_of(reason_of(*target))).kind == FileKind::kMissing) return Status::success();
  }
}

Status Quarantine::put(const Directory& from, const std::string& name, const FileIdentity& identity,
                       const QuarantineReason& reason, const std::string& target,
                       std::vector<std::string>* returned) const {
  std::shared_ptr<const Directory> opened;
  if (Status status = open_(&opened); !status.ok()) return status;
  const Directory& to = *opened;
  if (to.stat_of(target).kind == FileKind::kMissing)
    if (Status status = replace_file(to.path_of(reason_of(target)), to_json(reason)); !status.ok())
      return status;
  Status status = move_or_complete(from, name, identity, to, target, stop_, returned);
  if (!status.ok()) return status;
  // The container first: alone in the inbox it would be checked against nothing. What has the name of its
  // sidecar and is no regular file stays, as everywhere.
  const std::string sidecar = is_container(name) ? find_sidecar(from, name) : "";
  FileStat beside = is_container(name) ? from.stat_of(sidecar) : FileStat{.kind = FileKind::kMissing};
  if (beside.kind == FileKind::kUnknown) return io_failure("stat", from.path_of(sidecar), beside.error);
  if (beside.kind == FileKind::kRegular) {
    status = move_or_complete(from, sidecar, beside.identity, to, sidecar_of(target), stop_, returned);
    if (!status.ok() && status.fault != Fault::kChanged) return status;
  }
  // A sidecar that was copied, and whose removal was broken off.
  const FileStat tombstone = is_container(name) ? from.stat_of(tombstone_of(sidecar)) : FileStat{};
  if (beside.kind == FileKind::kMissing && tombstone.kind == FileKind::kRegular &&
      to.stat_of(sidecar_of(target)).kind == FileKind::kRegular) {
    status = complete_move(from, sidecar, tombstone.identity, to, sidecar_of(target), stop_, returned);
    if (!status.ok() && status.fault != Fault::kChanged) return status;
  }
  status = to.sync();
  return status.ok() ? from.sync() : status;
}

Status Quarantine::has(const std::string& target, std::uint64_t size, bool* found) const {
  std::shared_ptr<const Directory> opened;
  if (Status status = open_(&opened); !status.ok()) return status;
  const FileStat observed = opened->stat_of(target);
  if (observed.kind == FileKind::kUnknown) return io_failure("stat", opened->path_of(target), observed.error);
  *found = observed.kind == FileKind::kRegular && observed.identity.size == size;
  return Status::success();
}

void Quarantine::remove_reason(const std::string& target) const {
  std::shared_ptr<const Directory> opened;
  if (open_(&opened).ok() && opened->stat_of(target).kind == FileKind::kMissing)
    std::ignore = opened->remove(reason_of(target));
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
  json::StringBuffer buffer;
  json::PrettyWriter writer(buffer);
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
