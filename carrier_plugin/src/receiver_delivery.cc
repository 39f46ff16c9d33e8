// How a receiver gives claimed containers their names.
//
// The name is recorded, durably, before the rename. A hidden file that is gone after a crash was renamed if
// it is under that name. Link may have taken it from there: then the witness shows it, an empty file beside
// it that is made right before the rename and removed when the delivery is recorded. Who removes hidden
// files, by their names or their age, removes the witness too: that is left to the operator.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr int kMaxRounds = 4;  // while names that were free are taken by others

}  // namespace

// Claims what has no claim yet, and delivers what is claimed. Called again for what could not be finished.
void Receiver::finish() {
  claim();
  std::vector<std::string> delivered;
  std::set<std::string> folders;
  Failures failures;
  for (int round = 0; round < kMaxRounds; ++round) {
    failures = {};  // what failed in an earlier round may have its name now: each round tries all of them
    if (!choose_names(&failures) || !rename_all(&delivered, &folders, &failures)) break;
  }
  problems_.set("deliveries fail", failures.common.message());
  for (const auto& [id, reason] : failures.of_names) release(id, reason);
  for (const std::string& id : failures.unknown) leave_to_operator(id);
  if (delivered.empty()) return;
  Status status;
  for (const std::string& folder : folders)
    if (status.ok()) status = folder_.sync_names(join(folder, "x"));
  problems_.set("deliveries cannot be made durable", status.message());
  if (!status.ok()) return;  // the next call finds them renamed
  for (const std::string& id : delivered) {
    const auto found = intents_.find(id);
    if (found == intents_.end()) continue;
    const Intent& intent = found->second;
    const Delivered done{.name = intent.job.name,
                         .digest = intent.job.digest,
                         .size = intent.job.size,
                         .at = intent.at,
                         .time_ns = host_.realtime_ns()};
    delivered_[id] = done;
    // The witness of one that cannot be recorded stays.
    if (records_.append(delivered_record(id, done)).ok()) witnesses_.push_back(witness_of(done.name, id));
    ++counts_.delivered;
    counts_.delivered_bytes += intent.job.size;
    log_.write("delivered", intent.job, intent.job.sender);
    recent_.emplace_back(boottime_ns(), intent.at);
    unconfirmed_.insert(id);
    forget_refused(id);
    finished_.push_back(std::move(found->second));
    intents_.erase(found);
  }
  progress_ns_ = host_.monotonic_ns();
  publish_receipts();
}

void Receiver::Failures::add(const Intent& intent, const Status& status) {
  // One that cannot be delivered does not hold up the others.
  if (is_about_name(intent.job, status)) {
    of_names.emplace(intent.job.id, status.message());
  } else {
    common = status;
  }
}

// Records the name of everything that is claimed and has none. False when the records cannot be written.
bool Receiver::choose_names(Failures* failures) {
  std::vector<Intent*> named;
  Status written;
  for (auto& [id, intent] : intents_) {
    if (!intent.claimed || !intent.at.empty() || !written.ok()) continue;
    UniqueFd file;
    FileIdentity identity;
    bool missing = false;
    Status status = folder_.open_file(temporary_of(intent.job.name, id), &file, &identity, &missing);
    if (missing || (status.ok() && identity.inode != intent.inode)) {
      failures->of_names.emplace(id, "another program removed or replaced its hidden file");
      continue;
    }
    std::string at;
    if (status.ok()) status = choose_name(intent.job, &at);
    if (!status.ok()) {
      failures->add(intent, status);
      continue;
    }
    intent.at = at;
    written = records_.append(naming_record(intent));
    named.push_back(&intent);
  }
  if (written.ok()) written = flush_records();
  if (written.ok()) return true;
  failures->common = written;
  for (Intent* intent : named) intent->at.clear();
  return false;
}

// The name of the job, or one with digits of its ID when another file has it.
Status Receiver::choose_name(const Job& job, std::string* at) {
  for (const std::size_t digits : {0U, 8U, 16U, 32U}) {
    *at = digits == 0 ? job.name : conflict_of(job.name, job.id.substr(0, digits));
    Presence presence = Presence::kThere;
    if (Status status = folder_.find(*at, &presence); !status.ok()) return status;
    if (presence == Presence::kThere) continue;
    if (job.sidecar.empty()) return Status::success();
    bool fits = false;
    if (Status status = find_sidecar(job, *at, &presence, &fits); !status.ok()) return status;
    if (presence == Presence::kAbsent || fits) return Status::success();
  }
  return Status::system("all names for " + job.name + " are taken in " + folder_.path(), EEXIST);
}

// Renames what has a name in the records. True when some need another name.
bool Receiver::rename_all(std::vector<std::string>* delivered, std::set<std::string>* folders,
                          Failures* failures) {
  bool again = false;
  for (auto& [id, intent] : intents_) {
    if (intent.at.empty() || intent.is_renamed) continue;
    folders->insert(folder_of(intent.job.name));
    Presence presence = Presence::kThere;
    Status status = folder_.find_surely(temporary_of(intent.job.name, id), &presence);
    if (status.ok() && presence == Presence::kAbsent && intent.may_be_renamed) {
      status = find_renamed(intent, &intent.is_renamed);
      if (!status.ok()) {
        failures->common = status;
      } else if (intent.is_renamed) {
        delivered->push_back(id);
      } else {
        failures->unknown.insert(id);
      }
      continue;
    }
    if (status.ok() && presence == Presence::kAbsent) {
      failures->of_names.emplace(id, "another program removed its hidden file");
      continue;
    }
    if (status.ok() && !intent.claimed) continue;
    bool taken = false;
    if (status.ok()) status = rename(intent, &taken);
    if (status.error() == ENOENT && !is_at(intent, intent.at)) {
      failures->of_names.emplace(id, "another program removed its hidden file");
    } else if (!status.ok() && status.error() != ENOENT) {
      // A network file system may have renamed it all the same.
      intent.may_be_renamed = !is_about_name(intent.job, status);
      failures->add(intent, status);
    } else if (taken) {
      intent.at.clear();
      again = true;
    } else {
      intent.is_renamed = true;
      delivered->push_back(id);
    }
  }
  for (const auto& [id, intent] : intents_)
    if (intent.is_renamed && std::find(delivered->begin(), delivered->end(), id) == delivered->end()) {
      folders->insert(folder_of(intent.job.name));
      delivered->push_back(id);  // by an earlier call, which could not make it durable
    }
  return again;
}

// Whether the file of the intent has this name. Also after a rename that a network file system has made, and
// whose repetition then found nothing to rename.
bool Receiver::is_at(const Intent& intent, const std::string& name) {
  UniqueFd file;
  FileIdentity identity;
  bool missing = false;
  return folder_.open_file(name, &file, &identity, &missing).ok() && identity.inode == intent.inode &&
         identity.size == intent.job.size;
}

// Whether one whose hidden file is gone had its name.
Status Receiver::find_renamed(const Intent& intent, bool* renamed) {
  Presence presence = Presence::kAbsent;
  *renamed = is_at(intent, intent.at);
  if (*renamed) return Status::success();
  Status status = folder_.find_surely(witness_of(intent.job.name, intent.job.id), &presence);
  *renamed = status.ok() && presence == Presence::kThere;
  return status;
}

Status Receiver::rename(const Intent& intent, bool* taken) {
  const Job& job = intent.job;
  if (!job.sidecar.empty())
    if (Status status = place_sidecar(job, intent.at, taken); !status.ok() || *taken) return status;
  const std::string witness = witness_of(job.name, job.id);
  UniqueFd file;
  Status status = folder_.create(witness, &file);
  if (status.ok()) status = folder_.rename_new(temporary_of(job.name, job.id), intent.at, taken);
  if (status.ok() && !*taken) return status;
  folder_.remove(witness);
  // Somebody was faster with the name, or it cannot be had: the sidecar goes back under its hidden one.
  bool ignored = false;
  if (!job.sidecar.empty())
    folder_.rename_new(sidecar_of(intent.at), sidecar_temporary_of(job.name, job.id), &ignored);
  return status;
}

// A sidecar of the same text counts as ours: a crash may have been right behind its name.
Status Receiver::find_sidecar(const Job& job, const std::string& name, Presence* presence, bool* fits) {
  const std::string target = sidecar_of(name);
  if (Status status = folder_.find(target, presence); !status.ok()) return status;
  if (*presence == Presence::kAbsent) return Status::success();
  std::string there;
  FileIdentity ignored;
  bool missing = false;
  const bool is_read = folder_.read_small(target, kMaxSidecar, &there, &ignored, &missing).ok();
  *fits = is_read && there == job.sidecar;
  return Status::success();
}

Status Receiver::place_sidecar(const Job& job, const std::string& name, bool* taken) {
  const std::string hidden = sidecar_temporary_of(job.name, job.id);
  Presence presence = Presence::kThere;
  bool fits = false;
  if (Status status = find_sidecar(job, name, &presence, &fits); !status.ok()) return status;
  if (presence == Presence::kThere) {
    *taken = !fits;
    return fits ? folder_.remove(hidden) : Status::success();
  }
  if (Status status = folder_.find(hidden, &presence); !status.ok()) return status;
  if (presence == Presence::kAbsent)
    if (Status status = write_sidecar(job, Flush::kNow); !status.ok()) return status;
  return folder_.rename_new(hidden, sidecar_of(name), taken);
}

}  // namespace paxect::carrier
