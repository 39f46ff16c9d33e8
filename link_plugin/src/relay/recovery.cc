#include "relay/recovery.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <tuple>

#include "base/completeness.h"
#include "base/relay_paths.h"
#include "stages/delivery.h"

namespace paxect::link {
namespace {

const Tree& tree_of(const Intent& intent, const Evidence& evidence) {
  return intent.into_inbox ? evidence.inbox : evidence.outbox;
}

// Opens the directory of the product. kGone when its folder does not exist, kWait when its place is away.
Status open_target(const Intent& intent, const Evidence& evidence, Directory* target) {
  const Tree& tree = tree_of(intent, evidence);
  auto away = [&](const std::string& what) { return Status::wait(what); };
  if (!tree.is_open() || tree.token() != intent.target_place)
    return away("the " + std::string(intent.into_inbox ? "inbox" : "outbox") +
                " that it went to is not the one that is here now");
  Status status = tree.root().open_below(intent.folder, false, target);
  const std::string path = tree.root().path_of(intent.folder);
  if (status.fault == Fault::kGone && intent.target_nested)
    return away(path + " was on another file system, which is not mounted now");
  if (!status.ok()) return status;
  if ((target->device() != tree.root().device()) != intent.target_nested)
    return away(path + " is on another file system than when the file was delivered");
  return status;
}

// The names that the product may have got.
std::vector<std::string> final_names(const Intent& intent) {
  std::vector<std::string> names = {intent.name};
  if (!intent.data_digest.empty())
    for (std::size_t digits : kConflictDigits)
      names.push_back(conflict_of(intent.name, intent.data_digest, digits));
  return names;
}

// A final name that is another name of the temporary: a hard link that stood in for the rename.
bool find_link(const Intent& intent, const Directory& target, const FileStat& temporary, std::string* name) {
  if (temporary.links < 2) return false;
  for (const std::string& each : final_names(intent))
    if (is_one_file(temporary, target.stat_of(each))) {
      *name = each;
      return true;
    }
  return false;
}

// A final name with the product's content.
Status find_product(const Intent& intent, const Directory& target, const Stop& stop, bool* found,
                    std::string* name) {
  *found = false;
  for (const std::string& each : final_names(intent)) {
    if (Status status = has_content(target, each, intent.size, intent.digest, stop, found); !status.ok())
      return status;
    if (*found) *name = each;
    if (*found) break;
  }
  return Status::success();
}

// Whether the file under the temporary name is ours. An inode that agrees is enough, since nobody else makes
// files of this name; another one may come from a remount, and then the content decides.
Status is_ours(const Intent& intent, const Directory& target, const FileStat& temporary, const Stop& stop,
               bool* ours) {
  *ours = temporary.kind == FileKind::kRegular && temporary.identity.inode == intent.inode &&
          temporary.identity.size == intent.size;
  if (*ours || temporary.kind != FileKind::kRegular) return Status::success();
  return has_content(target, intent.temporary, intent.size, intent.digest, stop, ours);
}

Verdict undecided(const Intent& intent, std::string why) {
  return {.outcome = Fate::kUndecided, .name = intent.name, .why = std::move(why)};
}

// Whether the place of the product is the very directory that it was, and not a copy with the same marker.
bool is_same_instance(const Intent& intent, const Evidence& evidence) {
  return tree_of(intent, evidence).instance() == intent.target_instance;
}

// What a process has written is lost only with the machine.
bool is_same_boot(const Intent& intent, const Evidence& evidence) {
  return !intent.boot.empty() && intent.boot == evidence.boot;
}

// Whether the product may have had its final name beside the temporary name, which it still has: a hard link
// that stood in for the rename, and that the receiver has taken. It changed the ctime. So does a link that a
// backup makes, which a record of ours tells apart from that one.
bool may_have_been_linked(const Intent& intent, const FileStat& temporary, const Evidence& evidence) {
  const bool may_lack_record = intent.doubtful || !is_same_boot(intent, evidence);
  return intent.named && (intent.linked || may_lack_record) && temporary.identity.inode == intent.inode &&
         temporary.identity.ctime_ns != intent.ctime_ns;
}

// Our temporary does not exist, nor does a final name with its content.
Verdict judge_gone(const Intent& intent, const std::string& path, const Evidence& evidence) {
  if (intent.doubtful) return undecided(intent, path + " is gone, and the journal is incomplete");
  if (!is_same_instance(intent, evidence))
    return undecided(intent, path + " is gone, and its directory is a copy of the one in which it was");
  if (!intent.named && is_same_boot(intent, evidence))
    return undecided(intent, path + " was removed before its file had its final name");
  return {.outcome = Fate::kDelivered, .name = intent.likely_name()};
}

Status judge_prepared(const Intent& intent, const Directory& target, const Evidence& evidence,
                      Verdict* verdict) {
  const Stop& stop = evidence.stop;
  FileStat temporary = target.stat_of(intent.temporary);
  const std::string path = target.path_of(intent.temporary);
  if (temporary.kind == FileKind::kUnknown) return io_failure("stat", path, temporary.error);
  bool ours = false;
  if (temporary.kind != FileKind::kMissing)
    if (Status status = is_ours(intent, target, temporary, stop, &ours); !status.ok()) return status;
  if (ours) {
    verdict->outcome =
        find_link(intent, target, temporary, &verdict->name) ? Fate::kDelivered : Fate::kUndelivered;
    if (verdict->outcome == Fate::kDelivered || !may_have_been_linked(intent, temporary, evidence))
      return Status::success();
  }
  bool found = false;
  if (Status status = find_product(intent, target, stop, &found, &verdict->name); !status.ok()) return status;
  // Our temporary goes away in one step with the appearance of its final name, which a receiver may have
  // taken since.
  if (ours)
    *verdict =
        found ? Verdict{.outcome = Fate::kUndelivered, .name = intent.name}
              : undecided(intent, path + " had another name for a moment, which a receiver may have taken");
  else if (found)
    verdict->outcome = Fate::kDelivered;
  else if (temporary.kind == FileKind::kMissing)
    *verdict = judge_gone(intent, path, evidence);
  else
    *verdict = undecided(intent, path + " is another file than the one that was written");
  return Status::success();
}

// Whether the sidecar's temporary is ours, or nothing.
bool is_own_side(const Intent& intent, const Directory& target) {
  FileStat observed = target.stat_of(intent.side_temporary);
  if (observed.kind != FileKind::kRegular) return false;
  if (intent.digest.empty() || observed.identity.inode == intent.side_inode) return true;
  std::string text;
  return target.read_small(intent.side_temporary, intent.digest.size() + 1, &text).ok() &&
         text == intent.digest + "\n";
}

Status remove_side(const Intent& intent, const Directory& target) {
  if (intent.side_temporary.empty() || !is_own_side(intent, target)) return Status::success();
  return target.remove(intent.side_temporary);
}

// A file that a process made to read the clock of a file system, and was killed.
bool is_clock_of_dead(std::string_view name) {
  pid_t pid = 0;
  if (!parse_clock_name(name, &pid)) return false;
  return kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

Status judge(const Intent& intent, const Evidence& evidence, Verdict* verdict) {
  *verdict = {.outcome = Fate::kDelivered, .name = intent.likely_name()};
  if (intent.finished || evidence.is_logged(intent)) return Status::success();
  Directory target;
  Status status = open_target(intent, evidence, &target);
  if (status.ok() && intent.prepared) {
    status = judge_prepared(intent, target, evidence, verdict);
  } else if (status.ok()) {
    // Without the record that would say so it may have been prepared, and the rename may have followed.
    const bool there = target.stat_of(intent.temporary).kind != FileKind::kMissing;
    *verdict = intent.doubtful && !there && intent.digest.empty()
                   ? undecided(intent, "the journal is incomplete")
                   : Verdict{.outcome = Fate::kUndelivered, .name = intent.name};
  } else if (!intent.prepared && !intent.doubtful && status.fault != Fault::kWait) {
    // Whatever became of the folder, nothing in it had its final name.
    verdict->outcome = Fate::kUndelivered;
    return Status::success();
  } else if (status.fault == Fault::kGone) {
    *verdict = undecided(intent, tree_of(intent, evidence).root().path_of(intent.folder) +
                                     " is gone, and with it what would show whether it was delivered");
    return Status::success();
  }
  if (status.ok() || status.fault == Fault::kStopped) return status;
  *verdict = {.outcome = Fate::kOpen, .name = intent.name, .why = status.message};
  return Status::success();
}

Status undo(const Intent& intent, const Evidence& evidence) {
  Directory target;
  // A folder that cannot be opened has nothing that could get a name; it is swept when it is opened again.
  if (!open_target(intent, evidence, &target).ok()) return Status::success();
  Status status = remove_own_sidecar(intent, target);
  bool ours = intent.digest.empty();
  FileStat temporary = target.stat_of(intent.temporary);
  if (status.ok() && !ours && temporary.kind == FileKind::kRegular)
    status = is_ours(intent, target, temporary, evidence.stop, &ours);
  if (status.ok() && ours && temporary.kind == FileKind::kRegular) status = target.remove(intent.temporary);
  return status.ok() ? remove_side(intent, target) : status;
}

Status flush_name(const Intent& intent, const Evidence& evidence, Flushed* flushed) {
  const std::pair key(intent.into_inbox, intent.folder);
  if (intent.finished || flushed->contains(key) || evidence.is_logged(intent)) return Status::success();
  Directory target;
  Status status = open_target(intent, evidence, &target);
  if (status.ok()) status = target.sync();
  if (status.ok()) flushed->insert(key);
  return status;
}

Status tidy(const Intent& intent, const Verdict& verdict, const Evidence& evidence) {
  Directory target;
  if (!open_target(intent, evidence, &target).ok()) return Status::success();
  Status status;
  if (is_one_file(target.stat_of(intent.temporary), target.stat_of(verdict.name)))
    status = target.remove(intent.temporary);
  return status.ok() ? remove_side(intent, target) : status;
}

Status remove_own_sidecar(const Intent& intent, const Directory& target) {
  // Without a digest the intent was never prepared, and its sidecar got no name.
  if (!intent.container || intent.digest.empty()) return Status::success();
  const std::string text = intent.digest + "\n";
  for (const std::string& container : final_names(intent)) {
    std::string sidecar = sidecar_of(container);
    std::string found;
    if (target.stat_of(container).kind != FileKind::kMissing) continue;
    if (!target.read_small(sidecar, text.size(), &found).ok() || found != text) continue;
    if (Status status = target.remove(sidecar); !status.ok()) return status;
  }
  return Status::success();
}

void sweep_temporaries(const Directory& folder, const Journal& journal) {
  const std::string marker_temporary = std::string(kPlaceMarker) + ".part";
  std::vector<std::string> names;
  std::ignore = folder.list([&](const char* text) {
    const std::string name = text;
    std::uint64_t id = 0;
    if (is_clock_of_dead(name)) names.push_back(name);
    // A hard link that stood in for the rename of the marker.
    if ((name == marker_temporary || name == temporary_of(kPlaceMarker)) &&
        is_one_file(folder.stat_of(name), folder.stat_of(std::string(kPlaceMarker))))
      names.emplace_back(name);
    if (!is_product_temporary(name, journal.relay_token(), &id)) return true;
    // Not only those below the last id that the journal has: a loss of power can take its last lines and
    // leave the temporaries that they began.
    const bool known =
        journal.is_in_flight(id) || std::any_of(journal.left().begin(), journal.left().end(),
                                                [&](const Intent& intent) { return intent.id == id; });
    if (!known && folder.stat_of(name).kind == FileKind::kRegular) names.emplace_back(name);
    return true;
  });
  for (const std::string& name : names) std::ignore = folder.remove(name);
}

}  // namespace paxect::link
