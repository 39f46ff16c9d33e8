#include "sender.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "json_object.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kReplyTime = 10 * kSecond;
constexpr std::uint64_t kWindow = 8 * 1024 * 1024;  // bytes that are not acknowledged
constexpr std::size_t kMaxOutstanding = 512;
constexpr std::size_t kMaxFiles = 20'000;           // in hand
constexpr std::size_t kFilesAtOnce = 16;            // prepared in one step
constexpr std::size_t kMaxSending = 128;            // of them with chunks under way
constexpr std::uint64_t kSlice = 32 * 1024 * 1024;  // of a digest, in one step
constexpr std::uint64_t kSidecarPatience = 10 * kSecond;
constexpr std::uint64_t kRepeatHeld = 60 * kSecond;
constexpr char kNoSidecar[] = "no sidecar";
constexpr char kNoContainer[] = "the container of this sidecar is missing: remove it";
constexpr std::uint64_t kFullPatience = 5 * kSecond;
constexpr std::uint64_t kMessageOverhead = 256;

}  // namespace

Sender::Sender(const Host& host, const Settings& settings, const StateDirectory& state,
               Connection* connection)
    : host_(host),
      settings_(settings),
      state_(state),
      connection_(*connection),
      names_(settings.subject),
      exchange_(host, connection,
                [this](std::unique_ptr<Message> message) { on_message(std::move(message)); }),
      epoch_(host, &exchange_, names_),
      log_(host, settings.log),
      problems_(host),
      readiness_(
          host, connection, &epoch_, &problems_,
          [this] { return ensure_streams(connection_.jetstream(), names_, settings_); },
          [this] { return remove_epoch(connection_.jetstream(), names_); }) {
  for (const char* what : {"receipt", "claim", "report"}) connection_.subscribe(names_.subject(what, "*"));
  connection_.subscribe(names_.ask());
  connection_.subscribe(names_.peers());
}

Outgoing* Sender::find(const std::string& id) {
  const auto found = files_.find(id);
  return found == files_.end() ? nullptr : &found->second;
}

std::uint64_t Sender::step() {
  connection_.wait(0);
  exchange_.dispatch();
  tend_connection();
  tend_folder();
  const std::uint64_t now = host_.monotonic_ns();
  if (folder_.is_open()) {
    remove_receipted();
    if ((changed_ && now >= next_early_scan_ns_) || now >= next_scan_ns_) scan();
  }
  bool busy = false;
  if (readiness_.is_ready()) {
    tend_epoch();
    wait_for_room();
    busy = send_chunks();
    for (std::size_t i = 0; i < kFilesAtOnce && folder_.is_open() && prepare(); ++i) busy = true;
    check_waiting();
    clean_up();
  }
  if (busy) return 0;
  report_held();
  std::uint64_t wake = std::min(exchange_.dispatch(), next_scan_ns_);
  if (changed_) wake = std::min(wake, std::max(now + kMillisecond, next_early_scan_ns_));
  if (has_removals()) wake = std::min(wake, now + 20 * kMillisecond);
  if (paused_until_ns_ > now) wake = std::min(wake, paused_until_ns_);
  return std::min(wake, now + kSecond);
}

bool Sender::is_idle() const {
  return scanned_ && candidates_.empty() && preparing_ == nullptr && sending_.empty() && !has_removals() &&
         exchange_.outstanding() == 0;
}

bool Sender::has_removals() const {
  return std::any_of(receipted_.begin(), receipted_.end(),
                     [](const Receipted& one) { return one.retry_ns == 0; });
}

void Sender::tend_connection() {
  if (!readiness_.tend()) return;
  next_check_ns_ = 0;
  for (auto& [id, file] : files_) {
    file.checked_ns = 0;
    file.since_ns = host_.monotonic_ns();
  }
}

// Another store may be an older one: everything that waits is looked for in it.
void Sender::tend_epoch() {
  bool missing = false;
  epoch_.poll(&missing);
  if (missing) readiness_.lose_streams();
  if (epoch_.value().empty() || epoch_.value() == seen_epoch_) return;
  seen_epoch_ = epoch_.value();
  epoch_changed_ns_ = host_.monotonic_ns();
  next_check_ns_ = 0;
  for (auto& [id, file] : files_) {
    file.checked_ns = 0;
    file.since_ns = host_.monotonic_ns();
  }
}

void Sender::tend_folder() {
  const bool was_open = folder_.is_open();
  const Status status = was_open
                            ? folder_.check()
                            : folder_.open(settings_.folder, state_.path("place"), state_.path("own_place"));
  problems_.set("the folder cannot be used", status.message());
  if (!status.ok() || was_open) return;
  if (const Status back = folder_.put_back_leaving(); !back.ok()) host_.log(PAXECT_LOG_WARN, back.message());
  inotify_ = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  watched_.clear();
  watch_folders({""});
  next_scan_ns_ = 0;
}

// Events only say that it is time for a scan. Those about hidden names do not: a removal of ours makes one.
void Sender::forget_changes() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t size = inotify_.valid() ? read(inotify_.get(), buffer.data(), buffer.size()) : 0;
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      changed_ = changed_ || event->len == 0 || event->name[0] != '.';
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

void Sender::watch_folders(const std::set<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (!inotify_.valid() || !watched_.insert(folder).second) continue;
    inotify_add_watch(inotify_.get(), (settings_.folder + "/" + folder).c_str(),
                      IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ONLYDIR);
  }
}

void Sender::scan() {
  if (candidates_.size() + files_.size() >= kMaxFiles) {
    next_scan_ns_ = host_.monotonic_ns() + static_cast<std::uint64_t>(settings_.scan_ms) * kMillisecond;
    return;
  }
  changed_ = false;
  std::vector<Folder::Entry> found;
  std::set<std::string> folders{""};
  const std::uint64_t began = host_.monotonic_ns();
  const Status status = folder_.scan([&](Folder::Entry entry) {
    folders.insert(folder_of(entry.path));
    found.push_back(std::move(entry));
    return !host_.stop_requested();
  });
  problems_.set("the folder cannot be read", status.message());
  watch_folders(folders);
  std::sort(found.begin(), found.end(), [](const Folder::Entry& a, const Folder::Entry& b) {
    return std::pair(a.identity.mtime_ns, a.path) < std::pair(b.identity.mtime_ns, b.path);
  });
  std::map<std::string, FileIdentity> there;
  for (const Folder::Entry& entry : found) there[entry.path] = entry.identity;
  for (const Folder::Entry& entry : found) consider(entry, there);
  std::erase_if(held_, [&](const auto& held) { return !there.contains(held.first); });
  const std::uint64_t now = host_.monotonic_ns();
  next_scan_ns_ =
      now + std::max(static_cast<std::uint64_t>(settings_.scan_ms) * kMillisecond, 5 * (now - began));
  // While files keep coming, scans take a third of the time.
  next_early_scan_ns_ = now + std::max(20 * kMillisecond, 2 * (now - began));
  if (status.ok() && !host_.stop_requested()) scanned_ = true;
}

void Sender::consider(const Folder::Entry& entry, const std::map<std::string, FileIdentity>& there) {
  const FileKind kind = kind_of(entry.path);
  if (kind == FileKind::kNever || candidate_paths_.contains(entry.path)) return;
  if (!is_valid_path(entry.path)) {
    hold(entry.path, entry.identity, "its name has more than 4095 bytes: rename it");
    return;
  }
  if (!entry.is_regular) return hold(entry.path, entry.identity, "it is not a regular file: remove it");
  if (kind == FileKind::kOther)
    return hold(entry.path, entry.identity,
                "it is neither a container (.freq) nor a list or receipt: remove it, or encode it");
  if (kind == FileKind::kSidecar) {
    if (!there.contains(container_of(entry.path))) hold(entry.path, entry.identity, kNoContainer);
    return;
  }
  if (preparing_ != nullptr && preparing_->file.job.name == entry.path) return;
  const auto id = ids_.find(entry.path);
  if (id != ids_.end() && files_.at(id->second).identity.same_file(entry.identity)) return;
  // What was read and could not be sent is read again when it, or its sidecar, is another one.
  const auto held = held_.find(entry.path);
  const auto sidecar = there.find(sidecar_of(entry.path));
  const FileIdentity beside = sidecar == there.end() ? FileIdentity{} : sidecar->second;
  if (held != held_.end() && held->second.identity == entry.identity && held->second.sidecar == beside)
    return hold(entry.path, entry.identity, std::string(held->second.reason), beside);
  if (candidates_.size() + files_.size() >= kMaxFiles) return;
  candidate_paths_.insert(entry.path);
  candidates_.push_back(entry);
}

// A file that is written to is another one at each scan: the same words are logged once a minute.
void Sender::hold(const std::string& path, const FileIdentity& identity, const std::string& reason,
                  const FileIdentity& sidecar) {
  Held& held = held_[path];
  const std::uint64_t now = host_.monotonic_ns();
  if (held.reason != reason) held = {.reason = reason, .since_ns = now};
  if (held.identity != identity && now - held.reported_ns > kRepeatHeld) held.reported_ns = 0;
  held.identity = identity;
  held.sidecar = sidecar;
  if (held.reported_ns != 0) return;
  // Link gives a sidecar its name before the container; a copy by hand may take a moment.
  if ((reason == kNoSidecar || reason == kNoContainer) && now - held.since_ns < kSidecarPatience) return;
  held.reported_ns = now;
  host_.log(PAXECT_LOG_WARN, settings_.folder + "/" + path + " is not sent: " + reason);
}

// What needs the operator, for `status`.
void Sender::report_held() {
  const std::uint64_t now = host_.monotonic_ns();
  if (now < next_report_ns_) return;
  next_report_ns_ = now + kSecond;
  std::string text;
  std::size_t count = 0;
  for (const auto& [path, held] : held_) {
    if (held.reported_ns == 0) continue;
    if (count++ == 0) text = path + " is not sent: " + held.reason;
  }
  problems_.set("files are not sent", count > 1 ? text + " (others neither)" : text);
  count = 0;
  for (const auto& [id, file] : files_) {
    if (file.trouble.empty() || file.phase == Phase::kSending) continue;
    if (count++ == 0) text = file.job.name + " is not delivered: " + file.trouble;
  }
  problems_.set("files are not delivered", count == 0 ? "" : count > 1 ? text + " (others neither)" : text);
}

// Begins or continues the digest of the next candidate. True while there is more to do at once.
bool Sender::prepare() {
  if (preparing_ == nullptr) {
    if (sending_.size() >= kMaxSending || candidates_.empty()) return false;
    const Folder::Entry entry = candidates_.front();
    candidates_.pop_front();
    candidate_paths_.erase(entry.path);
    begin(entry);
    if (candidates_.empty() && scanned_ && preparing_ == nullptr) end_first_scan();
    if (preparing_ == nullptr) return true;
  }
  std::vector<char> buffer(1024 * 1024);
  Outgoing& file = preparing_->file;
  for (std::uint64_t slice = 0; slice < kSlice && !host_.stop_requested();) {
    const ssize_t size =
        pread(file.file.get(), buffer.data(), buffer.size(), static_cast<off_t>(preparing_->read));
    if (size < 0) {
      hold(file.job.name, file.identity, Status::system("it cannot be read").message());
      preparing_.reset();
      return true;
    }
    if (size == 0) {
      finish_preparing();
      if (candidates_.empty() && scanned_) end_first_scan();
      return true;
    }
    preparing_->digest.update(buffer.data(), static_cast<std::size_t>(size));
    preparing_->read += static_cast<std::uint64_t>(size);
    slice += static_cast<std::uint64_t>(size);
  }
  return true;
}

// All files of the folder are known: what the records have about others is of no use.
void Sender::end_first_scan() {
  if (!std::exchange(may_be_known_, false)) return;
  std::erase_if(holders_, [&](const auto& one) { return !files_.contains(one.first); });
}

void Sender::begin(const Folder::Entry& entry) {
  auto preparing = std::make_unique<Preparing>();
  Outgoing& file = preparing->file;
  file.kind = kind_of(entry.path);
  file.job.name = entry.path;
  file.job.sender = state_.token();
  bool missing = false;
  if (const Status status = folder_.open_file(entry.path, &file.file, &file.identity, &missing);
      !status.ok()) {
    if (!missing) hold(entry.path, entry.identity, status.message());
    return;
  }
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
  if (!identity_of(file.file.get(), &now) || now != file.identity || done->read != file.job.size) {
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
    // By name, size, contents and time it is the file that was delivered: an operator has put it back, or its
    // removal was interrupted.
    host_.log(PAXECT_LOG_WARN,
              settings_.folder + "/" + file.job.name + " was delivered before and is removed");
    receipted_.push_back({.id = id, .receiver = ""});
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
    kept.file.reset();  // there may be thousands
    kept.phase = Phase::kChecking;
    check(&kept);
  } else {
    sending_.push_back(id);
  }
}

// True when it published something and could publish more.
bool Sender::send_chunks() {
  const std::uint64_t now = host_.monotonic_ns();
  if (now < paused_until_ns_) return false;
  bool sent = false;
  for (std::size_t i = 0; i < sending_.size();) {
    const std::string id = sending_[i];
    Outgoing* file = find(id);
    if (file == nullptr || file->phase != Phase::kSending) {
      sending_.erase(sending_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    ++i;
    if (file->is_full) continue;
    const std::uint64_t chunks = file->is_statement() ? 0 : file->job.chunks();
    while (!file->is_full && (!file->again.empty() || file->next_chunk < chunks)) {
      if (in_flight_bytes_ + kChunkSize > kWindow || exchange_.outstanding() >= kMaxOutstanding) return sent;
      std::uint64_t number = file->next_chunk;
      if (file->again.empty()) {
        ++file->next_chunk;
      } else {
        number = file->again.front();
        file->again.pop_front();
      }
      if (!send_chunk(file, number)) break;
      sent = true;
      if (host_.stop_requested()) return false;
    }
    file = find(id);
    if (file != nullptr && file->phase == Phase::kSending && file->stored_chunks == chunks &&
        exchange_.outstanding() < kMaxOutstanding)
      publish(file);
  }
  return sent;
}

// False when the file cannot be sent, or not now.
bool Sender::send_chunk(Outgoing* file, std::uint64_t number) {
  const std::uint64_t offset = number * kChunkSize;
  std::vector<char> buffer(std::min<std::uint64_t>(kChunkSize, file->job.size - offset));
  const std::string id = file->job.id;
  bool missing = false;
  FileIdentity now;
  if (!file->file.valid() && !folder_.open_file(file->job.name, &file->file, &now, &missing).ok()) {
    if (!missing) file->again.push_back(number);
    if (!missing) return false;
    withdraw(id);
    drop(id);
    return false;
  }
  const ssize_t size = pread(file->file.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  if (!identity_of(file->file.get(), &now) || !now.same_but_name(file->identity) ||
      size != static_cast<ssize_t>(buffer.size())) {
    changed_ = true;
    withdraw(id);
    drop(id);
    return false;
  }
  const std::uint64_t bytes = buffer.size();
  const std::uint64_t round = file->round;
  const bool sent = exchange_.send(names_.chunk(id, number), {buffer.data(), buffer.size()}, kReplyTime,
                                   [this, id, round, number, bytes](const Message* reply) {
                                     in_flight_bytes_ -= bytes;
                                     on_chunk(id, round, number, reply);
                                   });
  if (!sent) {
    file->again.push_back(number);
    return false;
  }
  in_flight_bytes_ += bytes;
  ++file->in_flight;
  return true;
}

void Sender::on_chunk(const std::string& id, std::uint64_t round, std::uint64_t number,
                      const Message* reply) {
  Outgoing* file = find(id);
  if (file == nullptr || file->round != round) return;
  --file->in_flight;
  std::uint64_t sequence = 0;
  std::string reason = "no reply";
  if (reply != nullptr && reply->status() != 503) {
    const Stored stored = parse_publication(reply->data(), &sequence, &reason);
    if (stored == Stored::kYes || stored == Stored::kAlready) {
      ++file->stored_chunks;
      return;
    }
    if (stored == Stored::kFull) on_full(file, reason);
    if (stored == Stored::kFailed) {
      file->trouble = reason;
      paused_until_ns_ = host_.monotonic_ns() + kSecond;
    }
  } else if (reply != nullptr) {
    readiness_.lose_streams();  // nobody stores the subject: the stream was removed
    paused_until_ns_ = host_.monotonic_ns() + kSecond;
  }
  file->again.push_back(number);
}

void Sender::on_full(Outgoing* file, const std::string& reason) {
  if (full_since_ns_ == 0) full_since_ns_ = host_.monotonic_ns();
  file->is_full = true;
  problems_.set("the stream is full", "the stream " + names_.stream("data") + " at " +
                                          connection_.server_url() + " is full (" + reason +
                                          "): " + std::to_string(files_.size()) +
                                          " files wait until receivers have taken some");
}

// While files wait for room, it is read every second; what fits goes on, also before a larger one. After 5
// seconds the chunks of unfinished files are taken back: two senders with half a container each would wait
// for each other for ever.
void Sender::wait_for_room() {
  const std::uint64_t now = host_.monotonic_ns();
  if (full_since_ns_ == 0 || now < next_room_ns_) return;
  next_room_ns_ = now + kSecond / 2 + randombytes_uniform(static_cast<std::uint32_t>(kSecond / 2));
  std::vector<Outgoing*> waiting;
  for (const std::string& id : sending_)
    if (Outgoing* file = find(id); file != nullptr && file->phase == Phase::kSending && file->is_full)
      waiting.push_back(file);
  if (now - full_since_ns_ > kFullPatience)
    for (Outgoing* file : waiting) {
      if (file->next_chunk == 0 || file->in_flight > 0) continue;
      withdraw(file->job.id);
      begin_round(file);
      next_room_ns_ = now + kSecond + randombytes_uniform(static_cast<std::uint32_t>(4 * kSecond));
    }
  StreamRoom room;
  if (!waiting.empty() && !read_room(connection_.jetstream(), names_.stream("data"), &room).ok()) return;
  bool is_full = false;
  for (Outgoing* file : waiting) {
    const std::uint64_t needed = file->job.size - std::min(file->job.size, file->stored_chunks * kChunkSize) +
                                 file->job.chunks() * kMessageOverhead;
    file->is_full = file->in_flight > 0 || (room.max_bytes != 0 && room.bytes + needed > room.max_bytes);
    if (!file->is_full) room.bytes += needed;
    is_full = is_full || file->is_full;
  }
  if (is_full) return;
  full_since_ns_ = 0;
  problems_.set("the stream is full", "");
}

void Sender::publish(Outgoing* file) {
  if (epoch_.value().empty()) return;
  file->job.epoch = epoch_.value();
  const std::string id = file->job.id;
  const auto handler = [this, id](const Message* reply) { on_published(id, reply); };
  bool sent = false;
  if (file->is_statement()) {
    std::string contents;
    FileIdentity now;
    bool missing = false;
    const Status status = folder_.read_small(file->job.name, kChunkSize, &contents, &now, &missing);
    if (!status.ok() || digest_of(contents) != file->job.digest) {
      changed_ = true;
      drop(id);
      return;
    }
    sent = exchange_.send(names_.subject("list", id), list_text(file->job, contents), kReplyTime, handler);
  } else {
    sent = exchange_.send(names_.subject("job", id), job_text(file->job), kReplyTime, handler);
  }
  if (!sent) return;
  file->phase = Phase::kPublishing;
  file->file.reset();
}

void Sender::on_published(const std::string& id, const Message* reply) {
  Outgoing* file = find(id);
  if (file == nullptr || file->phase != Phase::kPublishing) return;
  std::uint64_t sequence = 0;
  std::string reason = "no reply";
  Stored stored = Stored::kFailed;
  if (reply != nullptr && reply->status() != 503)
    stored = parse_publication(reply->data(), &sequence, &reason);
  if (reply != nullptr && reply->status() == 503) readiness_.lose_streams();
  if (stored == Stored::kYes || stored == Stored::kAlready) {
    file->phase = Phase::kWaiting;
    file->job_sequence = sequence;
    file->trouble.clear();
    // One that was there may have been there for long: its receipt may exist.
    file->checked_ns = stored == Stored::kAlready ? 0 : host_.monotonic_ns();
    if (stored == Stored::kAlready) next_check_ns_ = 0;
    if (stored == Stored::kYes) ++counts_.published;
    return;
  }
  file->phase = Phase::kSending;
  file->trouble = reason;
  sending_.push_back(id);
  paused_until_ns_ = host_.monotonic_ns() + kSecond;
}

// Everything again: the server refuses what it still has.
void Sender::restart(Outgoing* file) {
  file->phase = Phase::kSending;
  file->job_sequence = 0;
  file->is_full = false;
  file->file.reset();
  begin_round(file);
  sending_.push_back(file->job.id);
}

void Sender::begin_round(Outgoing* file) {
  file->next_chunk = file->stored_chunks = file->in_flight = 0;
  file->again.clear();
  file->round = ++rounds_;
}

void Sender::withdraw(const std::string& id) {
  exchange_.post("$JS.API.STREAM.PURGE." + names_.stream("data"),
                 JsonObject().add("filter", names_.subject("data", id) + ".*").text());
}

void Sender::drop(const std::string& id) {
  const auto found = files_.find(id);
  if (found == files_.end()) return;
  holders_.erase(id);
  if (const auto path = ids_.find(found->second.job.name); path != ids_.end() && path->second == id)
    ids_.erase(path);
  files_.erase(found);
}

}  // namespace paxect::carrier
