// How a sender removes what has its receipt, here and on the server, and the records of it.
#include <algorithm>
#include <utility>

#include "json_object.h"
#include "sender.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 10 * kSecond;
constexpr std::uint64_t kCheckEvery = 60 * kSecond;
constexpr std::size_t kCleanUpsAtOnce = 64;
constexpr std::size_t kRemovedAtOnce = 256;
constexpr std::uint64_t kGatherTime = kSecond / 50;
constexpr std::uint64_t kRemoveAgain = 10 * kSecond;
constexpr std::uint64_t kMaxRecords = 64 * 1024 * 1024;
constexpr std::size_t kMaxDone = 200'000;

std::string identity_text(const FileIdentity& identity) {
  JsonObject object;
  object.add("inode", identity.inode).add("size", identity.size).add("mtime_ns", identity.mtime_ns);
  return object.add("ctime_ns", identity.ctime_ns).text();
}

bool parse_identity(const JsonReader& reader, const char* name, FileIdentity* out) {
  const json::Value* value = reader.find(name);
  if (value == nullptr || !value->IsObject()) return false;
  const auto number = [&](const char* key) { return value->HasMember(key) ? &(*value)[key] : nullptr; };
  const json::Value* inode = number("inode");
  const json::Value* size = number("size");
  const json::Value* mtime = number("mtime_ns");
  const json::Value* ctime = number("ctime_ns");
  if (inode == nullptr || size == nullptr || mtime == nullptr || ctime == nullptr || !inode->IsUint64() ||
      !size->IsUint64() || !mtime->IsInt64() || !ctime->IsInt64())
    return false;
  out->inode = inode->GetUint64();
  out->size = size->GetUint64();
  out->mtime_ns = mtime->GetInt64();
  out->ctime_ns = ctime->GetInt64();
  return true;
}

// At the server.
std::uint64_t chunks_of(const Outgoing& file) { return file.is_statement() ? 0 : file.job.chunks(); }

}  // namespace

// A removal that a crash interrupted is done again, as soon as the folder is there.
Status Sender::start() {
  epoch_changed_ns_ = host_.monotonic_ns();
  std::uint64_t damaged = 0;
  std::map<std::string, Outgoing> open;
  const auto each = [&](const std::string& record) {
    const JsonReader reader(record);
    std::string what;
    Outgoing file;
    if (receivers_.take_record(record)) return;
    if (!reader.get("record", &what) || !reader.get("id", &file.job.id)) return;
    if (what == "claimed" && reader.get("receiver", &file.holder)) open[file.job.id].holder = file.holder;
    if (what == "unclaimed") open.erase(file.job.id);
    if (what == "begun") begun_.insert(file.job.id);
    if (what == "published") published_.insert(file.job.id);
    if (what == "published" || what == "withdrawn") begun_.erase(file.job.id);
    if (what == "withdrawn") published_.erase(file.job.id);
    reader.get("digest", &file.job.digest);
    reader.get("receiver", &file.holder);
    if (what == "receipted" && reader.get("name", &file.job.name) && reader.get("size", &file.job.size) &&
        parse_identity(reader, "file", &file.identity)) {
      if (!parse_identity(reader, "sidecar", &file.sidecar_identity)) file.sidecar_identity = {};
      file.kind = file.sidecar_identity.inode != 0 ? FileKind::kContainer : FileKind::kStatement;
      interrupted_.push_back(std::move(file));
    } else if (what == "removed") {
      std::erase_if(interrupted_, [&](const Outgoing& one) { return one.job.id == file.job.id; });
      std::uint64_t chunks = 0;
      reader.get("chunks", &chunks);
      remember_done(file.job.id, chunks);
      open.erase(file.job.id);
    }
  };
  const std::string path = state_.path("sender.records");
  if (Status status = Records::read(path, each, &damaged); !status.ok()) return status;
  if (damaged > 0)
    host_.log(PAXECT_LOG_WARN,
              std::to_string(damaged) + " records of " + path + " are damaged and were passed over");
  for (const auto& [id, file] : open) {
    holders_[id] = file.holder;
    published_.insert(id);
  }
  return rewrite_records();
}

Status Sender::rewrite_records() {
  std::vector<std::string> kept = receivers_.records();
  for (const std::string& id : done_order_)
    kept.push_back(
        JsonObject().add("record", "removed").add("id", id).add("chunks", done_.at(id).chunks).text());
  for (const Outgoing& file : interrupted_) kept.push_back(receipted_record(file, file.holder));
  for (const auto& [id, holder] : holders_)
    kept.push_back(JsonObject().add("record", "claimed").add("id", id).add("receiver", holder).text());
  for (const std::string& id : published_)
    kept.push_back(JsonObject().add("record", "published").add("id", id).text());
  for (const std::string& id : begun_)
    kept.push_back(JsonObject().add("record", "begun").add("id", id).text());
  receipted_.for_each([&](const Receipted& one) {
    if (const Outgoing* file = find(one.id); file != nullptr && one.is_recorded)
      kept.push_back(receipted_record(*file, one.receiver));
  });
  Status status = records_.rewrite(state_.path("sender.records"), kept);
  rewritten_size_ = records_.size();
  return status;
}

std::string Sender::receipted_record(const Outgoing& file, const std::string& receiver) {
  JsonObject object;
  object.add("record", "receipted")
      .add("id", file.job.id)
      .add("name", file.job.name)
      .add("size", file.job.size)
      .add("digest", file.job.digest)
      .add("receiver", receiver);
  object.add_json("file", identity_text(file.identity));
  if (file.sidecar_identity.inode != 0) object.add_json("sidecar", identity_text(file.sidecar_identity));
  return object.text();
}

void Sender::remember_done(const std::string& id, std::uint64_t chunks) {
  if (done_.insert_or_assign(id, Done{chunks}).second) done_order_.push_back(id);
  clean_ups_.push_back({.due_ns = host_.monotonic_ns() + kCleanUpAfter, .id = id});
  holders_.erase(id);
  published_.erase(id);
  begun_.erase(id);
  while (done_order_.size() > kMaxDone) {
    done_.erase(done_order_.front());
    done_order_.pop_front();
  }
}

// What the last process had to remove: a crash has interrupted it, or it could not. Of what is still there
// the log has no line yet: it goes as if its receipt had just come. Nor has it one of what is gone and has no
// record of its removal.
void Sender::finish_interrupted() {
  if (interrupted_.empty()) return;
  for (Outgoing& file : interrupted_) {
    std::set<std::string> folders;
    find_put_back(file.job.name, &file.identity);
    find_put_back(sidecar_of(file.job.name), &file.sidecar_identity);
    UniqueFd opened;
    FileIdentity ignored;
    bool is_gone = false;
    folder_.open_file(file.job.name, &opened, &ignored, &is_gone);
    bool removed = false;
    if (is_gone && remove_files(file, &folders, &removed).ok()) {
      if (!done_.contains(file.job.id)) count_sent(file, file.holder);
      remember_done(file.job.id, chunks_of(file));
      continue;
    }
    file.phase = Phase::kDelivered;
    const std::string id = file.job.id;
    receipted_.add({.id = id, .receiver = file.holder, .is_recorded = true});
    ids_[file.job.name] = id;
    files_[id] = std::move(file);
  }
  interrupted_.clear();
  put_back_.clear();
  problems_.set("the records cannot be written", rewrite_records().message());
}

// Receipts first become records, with one flush for all of them, then the files go. Those that could not be
// removed take no more than one turn of many, so that they hold up nothing.
void Sender::remove_receipted() {
  finish_interrupted();
  const std::uint64_t now = host_.monotonic_ns();
  const std::vector<std::string> ids = receipted_.due(now, kRemovedAtOnce);
  if (ids.empty()) return;
  // Receipts come together: two flushes serve all that come within a moment.
  if (gather_since_ns_ == 0) gather_since_ns_ = now;
  if (ids.size() < kRemovedAtOnce && now - gather_since_ns_ < kGatherTime) return;
  gather_since_ns_ = 0;
  const Status status = record_receipted(ids);
  problems_.set("the records cannot be written", status.message());
  if (!status.ok()) {
    // What was written may be torn or lost: all of it once more.
    for (const std::string& id : ids) receipted_.put_off(id, now + kSecond);
    rewrite_records();
    return;
  }
  std::set<std::string> folders;
  std::vector<std::string> removed;
  for (const std::string& id : ids) {
    Outgoing* file = find(id);
    const Status gone =
        file == nullptr ? Status::success() : remove_files(*file, &folders, &receipted_.find(id)->is_same);
    if (gone.ok()) {
      removed.push_back(id);
      continue;
    }
    keep_delivered(file, gone);
    receipted_.put_off(id, now + kRemoveAgain);
  }
  for (const std::string& folder : folders) {
    const Status synced = folder_.sync_names(join(folder, "x"));
    if (!synced.ok()) host_.log(PAXECT_LOG_WARN, synced.message());
  }
  for (const std::string& id : removed) {
    finish_removal(*receipted_.find(id));
    receipted_.remove(id);
  }
  report_unremoved();
  if (records_.size() > std::max(kMaxRecords, 2 * rewritten_size_))
    if (const Status rewritten = rewrite_records(); !rewritten.ok())
      host_.log(PAXECT_LOG_WARN, rewritten.message());
}

// It waits for the operator, and is neither sent again nor forgotten.
void Sender::keep_delivered(Outgoing* file, const Status& failure) {
  file->phase = Phase::kDelivered;
  file->trouble = failure.message() + ": it is tried again every 10 seconds";
  unremoved_.insert(file->job.id);
}

void Sender::report_unremoved() {
  const Outgoing* file = unremoved_.empty() ? nullptr : find(*unremoved_.begin());
  const std::string text =
      file == nullptr ? "" : file->job.name + " is delivered and stays in the folder: " + file->trouble;
  problems_.set("delivered files cannot be removed", unremoved_.size() > 1 ? text + " (others too)" : text);
}

void Sender::finish_removal(const Receipted& one) {
  const Outgoing* file = find(one.id);
  if (file == nullptr) return;
  const std::uint64_t chunks = chunks_of(*file);
  records_.append(JsonObject().add("record", "removed").add("id", one.id).add("chunks", chunks).text());
  // One that is there again after its delivery was counted then.
  if (!done_.contains(one.id)) {
    count_sent(*file, one.receiver);
    tidy_server(*file);
  } else if (one.is_same) {
    // By name, size, contents and time it is the file that was delivered: an operator has put it back.
    host_.log(PAXECT_LOG_WARN,
              settings_.folder + "/" + file->job.name + " was delivered before and is removed");
  }
  remember_done(one.id, chunks);
  drop(one.id);
}

void Sender::count_sent(const Outgoing& file, const std::string& receiver) {
  ++counts_.sent;
  counts_.sent_bytes += file.job.size;
  log_.write("sent", file.job, receiver);
}

Status Sender::record_receipted(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    Receipted* one = receipted_.find(id);
    const Outgoing* file = find(id);
    if (file == nullptr || one->is_recorded) continue;
    if (Status status = records_.append(receipted_record(*file, one->receiver)); !status.ok()) return status;
    one->is_recorded = true;
  }
  Status status = records_.flush();
  if (status.ok()) claimed_since_ns_ = 0;
  return status;
}

// Two renames have given it another ctime. Nobody could write to it meanwhile by its name.
void Sender::find_put_back(const std::string& path, FileIdentity* identity) {
  UniqueFd file;
  FileIdentity there;
  bool missing = false;
  if (put_back_.contains(path) && folder_.open_file(path, &file, &there, &missing).ok() &&
      there.same_but_name(*identity))
    *identity = there;
}

// The container first: a sidecar that is left alone is reported, a container without one would not be sent
// again. `*removed`: it was still the file that was sent.
Status Sender::remove_files(const Outgoing& file, std::set<std::string>* folders, bool* removed) {
  Status status = folder_.remove_same(file.job.name, file.identity, removed);
  bool ignored = false;
  if (status.ok() && *removed && file.sidecar_identity.inode != 0)
    status = folder_.remove_same(sidecar_of(file.job.name), file.sidecar_identity, &ignored);
  folders->insert(folder_of(file.job.name));
  return status;
}

void Sender::tidy_server(const Outgoing& file) {
  if (file.is_statement()) return;  // for receivers that have not taken it yet
  const std::string stream = names_.stream("job");
  if (file.job_sequence != 0) {
    exchange_.post("$JS.API.STREAM.MSG.DELETE." + stream,
                   JsonObject().add("seq", file.job_sequence).add("no_erase", true).text());
  } else {
    exchange_.post("$JS.API.STREAM.PURGE." + stream,
                   JsonObject().add("filter", names_.subject("job", file.job.id)).text());
  }
}

// Claims and receipts stay for a while after the removal: a receiver may have fetched the job before.
void Sender::clean_up() {
  const std::uint64_t now = host_.monotonic_ns();
  for (std::size_t i = 0; i < kCleanUpsAtOnce && !clean_ups_.empty() && clean_ups_.front().due_ns <= now;
       ++i) {
    const CleanUp what = std::move(clean_ups_.front());
    clean_ups_.pop_front();
    if (!files_.contains(what.id)) clean_up(what);
  }
}

// First the job, whose removal may have been lost with a connection: without claim and receipt a receiver
// would deliver it. What gets no reply is done again later.
void Sender::clean_up(const CleanUp& what) {
  const std::string& id = what.id;
  // The job of a file that was given up goes when a receiver misses its chunks.
  if (what.kind == CleanUp::Kind::kGivenUp) return withdraw_surely(what);
  if (what.kind == CleanUp::Kind::kUnfinished) return withdraw_unfinished(id);
  const auto done = done_.find(id);
  if (done == done_.end() || done->second.chunks > 0) clean_up_chunks(id);
  const auto again = [this, id](bool ok) {
    if (!ok) clean_ups_.push_back({.due_ns = host_.monotonic_ns() + kCheckEvery, .id = id});
  };
  delete_last("job", id, [this, id, again](bool ok) {
    if (!ok) return again(false);
    delete_last("claim", id, again);
    delete_last("receipt", id, again);
  });
  if (done != done_.end() && done->second.chunks > 0) return;
  receipt_deletions_.add(id);
}

void Sender::clean_up_chunks(const std::string& id) {
  look_up_at_leader("data", names_.chunk(id, 0), [this, id](Lookup chunk, std::uint64_t) {
    if (chunk == Lookup::kFound && !files_.contains(id)) withdraw(id);
  });
}

void Sender::delete_last(const std::string& what, const std::string& id,
                         const std::function<void(bool)>& then) {
  const std::string stream = names_.stream(what);
  const auto on_found = [this, stream, then](Lookup found, std::uint64_t sequence) {
    if (found != Lookup::kFound) return then(found == Lookup::kMissing);
    const auto on_deleted = [then](const Message* done) {
      then(done != nullptr && done->data().find("\"success\":true") != std::string_view::npos);
    };
    if (!exchange_.send("$JS.API.STREAM.MSG.DELETE." + stream,
                        JsonObject().add("seq", sequence).add("no_erase", true).text(), kReplyTime,
                        on_deleted))
      then(false);
  };
  if (!look_up_at_leader(what, names_.subject(what, id), on_found)) then(false);
}

}  // namespace paxect::carrier
