// How a sender reads the files that are to be sent: contents, digest and sidecar.
#include <algorithm>
#include <utility>

#include "sender.h"

namespace paxect::carrier {
namespace {

constexpr std::size_t kMaxSending = 128;            // files with chunks under way
constexpr std::uint64_t kSlice = 32 * 1024 * 1024;  // of a digest, in one step

}  // namespace

// Begins or continues the digest of the next candidate. True while there is more to do at once.
bool Sender::prepare() {
  if (preparing_ == nullptr) {
    if (sending_.size() >= kMaxSending || candidates_.empty()) return false;
    const Folder::Entry entry = candidates_.front();
    candidates_.pop_front();
    candidate_paths_.erase(entry.path);
    begin(entry);
    if (preparing_ == nullptr) return true;
  }
  Outgoing& file = preparing_->file;
  for (std::uint64_t slice = 0; slice < kSlice && !host_.stop_requested();) {
    const ssize_t size =
        pread(preparing_->fd.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(preparing_->read));
    if (size < 0) {
      hold(file.job.name, file.identity, Status::system("it cannot be read").message());
      preparing_.reset();
      return true;
    }
    if (size == 0) {
      finish_preparing();
      return true;
    }
    preparing_->digest.update(buffer_.data(), static_cast<std::size_t>(size));
    preparing_->read += static_cast<std::uint64_t>(size);
    slice += static_cast<std::uint64_t>(size);
  }
  return true;
}

// All files of the folder are known: what the records have about others is of no use.
void Sender::end_first_scan() {
  if (!scanned_all_ || !candidates_.empty() || preparing_ != nullptr || !std::exchange(may_be_known_, false))
    return;
  std::erase_if(holders_, [&](const auto& one) { return !files_.contains(one.first); });
  // A file that was removed while this sender was away leaves chunks behind, if it was being published.
  std::erase_if(published_, [&](const std::string& id) {
    if (files_.contains(id)) return false;
    begun_.insert(id);
    return true;
  });
  for (const std::string& id : begun_)
    if (!files_.contains(id)) clean_ups_.push_front({.id = id, .kind = CleanUp::Kind::kUnfinished});
}

void Sender::begin(const Folder::Entry& entry) {
  auto preparing = std::make_unique<Preparing>();
  Outgoing& file = preparing->file;
  file.kind = kind_of(entry.path);
  file.job.name = entry.path;
  file.job.sender = state_.token();
  bool missing = false;
  if (const Status status = folder_.open_file(entry.path, &preparing->fd, &file.identity, &missing);
      !status.ok()) {
    if (!missing) hold(entry.path, entry.identity, status.message());
    return;
  }
  if (file.kind == FileKind::kStatement && is_being_written(preparing->fd.get())) return;  // see is_settled()
  if (file.kind == FileKind::kContainer) {
    const Status status = folder_.read_small(sidecar_of(entry.path), kMaxSidecar, &file.job.sidecar,
                                             &file.sidecar_identity, &missing);
    if (!status.ok()) {
      hold(entry.path, file.identity, missing ? kNoSidecar : status.message(), file.sidecar_identity);
      return;
    }
  }
  file.job.size = file.identity.size;
  file.job.mtime_ns = file.identity.mtime_ns;
  const std::uint64_t room = static_cast<std::uint64_t>(settings_.max_stream_mb) * 1024 * 1024;
  if (!file.is_statement() && file.job.size + file.job.chunks() * kMessageOverhead > room) {
    hold(entry.path, file.identity,
         "its " + std::to_string(file.job.size) + " bytes do not fit into the stream " +
             names_.stream("data") + " of " + std::to_string(settings_.max_stream_mb) +
             " MiB: raise max_stream_mb");
    return;
  }
  preparing_ = std::move(preparing);
}

void Sender::finish_preparing() {
  const std::unique_ptr<Preparing> done = std::move(preparing_);
  Outgoing& file = done->file;
  FileIdentity now;
  if (!identity_of(done->fd.get(), &now) || now != file.identity || done->read != file.job.size) {
    changed_ = true;  // it was written to: the next scan takes it as it is then
    return;
  }
  file.job.digest = done->digest.finish();
  if (file.kind == FileKind::kContainer && digest_in_sidecar(file.job.sidecar).empty()) {
    hold(file.job.name, file.identity,
         "its sidecar has no SHA-256: write it again with sha256sum, or replace both files",
         file.sidecar_identity);
    return;
  }
  if (file.kind == FileKind::kContainer && digest_in_sidecar(file.job.sidecar) != file.job.digest) {
    hold(file.job.name, file.identity, "its contents do not match its sidecar: repair or replace it",
         file.sidecar_identity);
    return;
  }
  held_.erase(file.job.name);
  file.job.id = id_of(file.job);
  file.since_ns = host_.monotonic_ns();
  const std::string id = file.job.id;
  if (done_.contains(id)) {
    // By name, size, contents and time it is the file that was delivered.
    receipted_.add({.id = id, .receiver = ""});
    ids_[file.job.name] = id;
    files_[id] = std::move(file);
    return;
  }
  if (const auto holder = holders_.find(id); holder != holders_.end()) file.holder = holder->second;
  if (files_.contains(id)) {
    files_.at(id).identity = file.identity;
    files_.at(id).sidecar_identity = file.sidecar_identity;
    ids_[file.job.name] = id;
    return;
  }
  ids_[file.job.name] = id;
  Outgoing& kept = files_[id] = std::move(file);
  begin_round(&kept);
  if (may_be_known_) {
    kept.phase = Phase::kChecking;
    check(&kept);
  } else {
    sending_.push_back(id);
  }
}

}  // namespace paxect::carrier
