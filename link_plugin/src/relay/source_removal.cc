#include "relay/source_removal.h"

#include <tuple>

#include "base/read_lease.h"
#include "base/relay_paths.h"
#include "base/side_by_side.h"
#include "base/sidecar.h"
#include "stages/delivery.h"

namespace paxect::link {
namespace {

// What is known of a source since it was read.
struct Known {
  int leased = -1;               // a descriptor of it with a granted lease
  FileIdentity sidecar = {};     // the file that has its digest
  std::string container_digest;  // "" when it has to be found out
};

struct Sidecar {
  std::string name;
  FileStat observed;
};

// Not with a sidecar that came for another container of the name.
Status remove_sidecar(const Directory& folder, const Sidecar& sidecar, const std::string& container,
                      const Known& known, std::vector<std::string>* returned) {
  const std::string& name = sidecar.name;
  const bool is_read =
      sidecar.observed.kind == FileKind::kRegular && sidecar.observed.identity == known.sidecar;
  Status status = remove_if(
      folder, name,
      [&](const std::string& tombstone, const FileStat& now, bool* meant) {
        // The file that was read, and has not changed since.
        *meant = is_read && is_one_file(now, sidecar.observed) && now.identity.same_but_name(known.sidecar);
        if (*meant) return Status::success();
        std::string digest;
        Status read = read_sidecar(folder, tombstone, container, &digest);
        *meant = read.ok() && digest == known.container_digest;
        return read.fault == Fault::kEnvironment ? read : Status::success();
      },
      returned);
  if (status.ok()) return status;
  // Its container stays, so it is to stay beside it.
  Status back = put_back(folder, tombstone_of(name), folder, name, returned);
  return back.ok() ? status : back;
}

// A source and, after its sidecar, a container. A file that came under the name in the meantime is another
// one and stays. `*removed` receives whether the source itself is removed.
Status remove_files(const Directory& folder, const Candidate& source, Known known, const Stop& stop,
                    const MayBeOpen& may_be_open, std::vector<std::string>* returned, bool* removed) {
  *removed = false;
  const bool is_leased = known.leased >= 0;
  if (!is_container(source.name) && !is_leased)
    return remove_same(folder, source.name, source.identity, returned, may_be_open, removed);
  FileStat observed = folder.stat_of(source.name);
  if (observed.kind == FileKind::kUnknown)
    return io_failure("stat", folder.path_of(source.name), observed.error);
  if (observed.kind == FileKind::kMissing) return confirm_gone(folder, source.name);
  if (observed.kind != FileKind::kRegular || observed.identity != source.identity) return Status::success();
  if (is_container(source.name)) {
    // Before its sidecar goes.
    const bool is_open = is_leased ? is_lease_broken(known.leased)
                                   : !may_lease(folder, source.name) && may_be_open(source.name);
    if (is_open) return open_for_writing(folder.path_of(source.name));
    Sidecar sidecar;
    sidecar.name = find_sidecar(folder, source.name, &sidecar.observed);
    // Once its container is removed, nobody would remove it any more.
    if (sidecar.observed.kind == FileKind::kMissing)
      if (Status status = confirm_gone(folder, sidecar.name); !status.ok()) return status;
    if (sidecar.observed.kind != FileKind::kMissing ||
        folder.stat_of(tombstone_of(sidecar.name)).kind != FileKind::kMissing) {
      std::string& digest = known.container_digest;
      Status status = digest.empty() ? digest_of(folder, source.name, stop, &digest) : Status::success();
      if (status.ok()) status = remove_sidecar(folder, sidecar, source.name, known, returned);
      if (!status.ok()) return status;
    }
  }
  if (is_leased) return remove_leased(folder, source.name, observed, known.leased, returned, removed);
  return remove_same(folder, source.name, source.identity, returned, may_be_open, removed);
}

// `*left`: the source still exists, and only its ctime is another. `*now` receives what it is now.
Status find_left(const Transfer& transfer, bool* left, Candidate* now) {
  FileStat observed = transfer.source_directory->stat_of(transfer.source.name);
  if (observed.kind == FileKind::kUnknown) return io_failure("stat", transfer.source_path(), observed.error);
  *now = {transfer.source.folder, transfer.source.name, observed.identity};
  *left = observed.kind == FileKind::kRegular &&
          observed.identity.device == transfer.source.identity.device &&
          observed.identity.same_but_name(transfer.source.identity);
  return Status::success();
}

// A file with several names has another ctime as soon as one of them is removed: it goes if it has the
// content that was delivered.
Status remove_left(const Transfer& transfer, const Stop& stop, const MayBeOpen& may_be_open,
                   std::vector<std::string>* returned, bool* removed) {
  Candidate now;
  bool left = false;
  std::string digest;
  Status status = find_left(transfer, &left, &now);
  if (!status.ok() || !left) return status;
  status = digest_of(*transfer.source_directory, now.name, stop, &digest);
  if (status.fault == Fault::kGone || status.fault == Fault::kChanged) return Status::success();
  if (!status.ok() || digest != content_of(transfer).digest) return status;
  return remove_files(*transfer.source_directory, now, {.container_digest = transfer.result.container_digest},
                      stop, may_be_open, returned, removed);
}

}  // namespace

void SourceRemoval::keep(std::span<const Transfer* const> delivered) {
  for (const Transfer* transfer : delivered)
    journal_.remember(
        inbox_.token(), transfer->intent.source,
        record_of(*transfer->source_directory, transfer->source.identity, content_of(*transfer)));
}

// Each removal waits for the disk, so many wait at once.
void SourceRemoval::remove(std::span<const Transfer* const> delivered) {
  struct Removed {
    Status status;
    bool removed = false;
    bool left = false;
    std::vector<std::string> returned;
  };
  std::vector<Removed> outcomes(delivered.size());
  side_by_side(delivered.size(), [&](std::size_t, std::size_t i) {
    const Transfer& transfer = *delivered[i];
    const Known known = {.leased = transfer.leased_source ? transfer.leased_source.get() : -1,
                         .sidecar = transfer.read_sidecar,
                         .container_digest = transfer.result.container_digest};
    Removed& outcome = outcomes[i];
    outcome.status = remove_files(*transfer.source_directory, transfer.source, known, stop_,
                                  events_of(transfer.source), &outcome.returned, &outcome.removed);
    Candidate now;
    if (outcome.status.ok() && !outcome.removed) outcome.status = find_left(transfer, &outcome.left, &now);
  });
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Transfer& transfer = *delivered[i];
    Removed& outcome = outcomes[i];
    // One after the other: the removal of one name changes the ctime of the next.
    if (outcome.status.ok() && outcome.left)
      outcome.status =
          remove_left(transfer, stop_, events_of(transfer.source), &outcome.returned, &outcome.removed);
    returned_(*transfer.source_directory, transfer.source, outcome.returned);
    note_removal(*transfer.source_directory, transfer.source, content_of(transfer), outcome.status);
  }
}

void SourceRemoval::remove_done(const Candidate& source) {
  std::shared_ptr<const Directory> folder;
  if (Status status = inbox_.folder(source.folder, &folder); !status.ok()) return failed_(source, status);
  const SourceRecord* known = journal_.done().find(inbox_.token(), source.path());
  const Content content = known == nullptr ? Content{} : Content{known->digest, known->original};
  std::vector<std::string> returned;
  bool removed = false;
  Status status = remove_files(*folder, source,
                               {.container_digest = is_container(source.name) ? content.of_sidecar() : ""},
                               stop_, events_of(source), &returned, &removed);
  returned_(*folder, source, returned);
  note_removal(*folder, source, content, status);
}

MayBeOpen SourceRemoval::events_of(const Candidate& source) const {
  return [this, folder = source.folder](const std::string& name) { return may_be_open_(join(folder, name)); };
}

SourceRecord SourceRemoval::record_of(const Directory& folder, const FileIdentity& identity,
                                      const Content& content) const {
  return {.identity = identity,
          .digest = content.digest,
          .nested = folder.device() != inbox_.root().device(),
          .original = content.original};
}

// Where a source cannot be removed it is remembered, so that it is not delivered again, and the next scans
// try again.
void SourceRemoval::note_removal(const Directory& folder, const Candidate& source, const Content& content,
                                 const Status& status) {
  note_folder(source.folder);
  if (status.ok()) return journal_.forget(inbox_.token(), source.path());
  const SourceRecord record = record_of(folder, source.identity, content);
  journal_.remember(inbox_.token(), source.path(), record);
  remember_tombstone(folder, source.path(), record);
  Status reported = status;
  if (status.fault == Fault::kEnvironment)
    reported.message = folder.path_of(source.name) +
                       " was delivered and cannot be removed: " + status.message +
                       ": it is not delivered again; allow this user to remove files from its folder";
  failed_(source, reported);
}

// A source that was delivered, if it has its hidden name: it must not get its name back.
void SourceRemoval::remember_tombstone(const Directory& folder, const std::string& path,
                                       const SourceRecord& record) {
  const std::string tombstone = tombstone_of(base_name(path));
  FileStat observed = folder.stat_of(tombstone);
  if (observed.kind == FileKind::kMissing) return;
  SourceRecord caught = record;
  if (observed.kind == FileKind::kRegular && !observed.identity.same_but_name(record.identity)) {
    // Mounted again, perhaps: then its content decides.
    std::string digest;
    if (match_source(record.identity, observed.identity) == SourceMatch::kOther || record.digest.empty() ||
        !digest_of(folder, tombstone, stop_, &digest).ok() || digest != record.digest)
      return;
    caught.identity = observed.identity;
  } else if (observed.kind != FileKind::kRegular && observed.kind != FileKind::kUnknown) {
    return;
  }
  journal_.remember(inbox_.token(), join(folder_of(path), tombstone), caught);
}

Status SourceRemoval::recover(std::span<const std::pair<std::string, SourceRecord>> sources) {
  const auto each = [&](const auto& action) {
    for (const auto& [path, record] : sources) {
      if (stop_()) return Status::stopped();
      Directory folder;
      if (inbox_.root().open_below(folder_of(path), false, &folder).ok()) action(folder, path, record);
    }
    return Status::success();
  };
  Status status = each([&](const Directory& folder, const std::string& path, const SourceRecord& record) {
    remember_tombstone(folder, path, record);
  });
  // Without all of those a file that was delivered could get its name back.
  if (!status.ok()) return status;
  return each([&](const Directory& folder, const std::string& path, const SourceRecord&) {
    std::string name(base_name(path));
    std::ignore = end_removal(folder, folder_of(path), tombstone_of(name), name);
    if (!is_container(name)) return;
    for (const std::string& sidecar : sidecar_spellings(name))
      std::ignore = end_removal(folder, folder_of(path), tombstone_of(sidecar), sidecar);
  });
}

Status SourceRemoval::end_removal(const Directory& folder, const std::string& relative,
                                  const std::string& tombstone, const std::string& name) {
  FileStat observed = folder.stat_of(tombstone);
  if (observed.kind == FileKind::kMissing) return Status::success();
  if (observed.kind == FileKind::kUnknown)
    return io_failure("stat", folder.path_of(tombstone), observed.error);
  note_folder(relative);
  const std::string path = join(relative, tombstone);
  if (observed.kind == FileKind::kRegular &&
      journal_.match_done(inbox_.token(), path, observed.identity) == SourceMatch::kSame) {
    Status status = folder.remove(tombstone);
    if (status.ok()) journal_.forget(inbox_.token(), path);
    return status;
  }
  std::vector<std::string> returned;
  Status status = put_back(folder, tombstone, folder, name, &returned);
  returned_(folder, {relative, name, observed.identity}, returned);
  return status;
}

Status SourceRemoval::flush() {
  if (Status status = inbox_.root().sync(); !status.ok()) return status;
  for (const std::string& name : folders_) {
    if (name.empty()) continue;  // the inbox itself
    Directory folder;
    Status status = inbox_.root().open_below(name, false, &folder);
    if (status.ok()) status = folder.sync();
    if (!status.ok() && status.fault != Fault::kGone) return status;
  }
  folders_.clear();
  return Status::success();
}

}  // namespace paxect::link
