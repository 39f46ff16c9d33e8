// What a sender finds in its folder: which files are to be read, and which are held, with the reasons.
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sender.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::size_t kMaxFiles = 20'000;       // in hand
constexpr std::uint64_t kSettleTime = kSecond;  // of a list or receipt
constexpr std::uint64_t kSidecarPatience = 10 * kSecond;
constexpr std::uint64_t kRepeatHeld = 60 * kSecond;
constexpr char kContainerToCome[] = "the container of this sidecar is not there yet";
constexpr char kNoContainer[] = "the container of this sidecar is missing: remove it";

// Whether the file is in a folder that could not be read, or below one.
bool is_below(const std::string& path, const Folder::Unread& unread) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
    if (unread.contains(path.substr(0, slash))) return true;
  return false;
}

}  // namespace

void Sender::tend_folder() {
  const bool was_open = folder_.is_open();
  const Status status = was_open
                            ? folder_.check()
                            : folder_.open(settings_.folder, state_.path("place"), state_.path("own_place"));
  problems_.set(kFolderProblem, status.message());
  if (!status.ok() || was_open) return;
  if (const Status back = folder_.put_back_leaving(&put_back_); !back.ok())
    host_.log(PAXECT_LOG_WARN, back.message());
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

// Lists that wait for a receiver that is away keep out nothing.
bool Sender::has_room() const { return candidates_.size() + files_.size() - kept_lists_.size() < kMaxFiles; }

void Sender::scan() {
  if (!has_room()) {
    next_scan_ns_ = next_early_scan_ns_ =
        host_.monotonic_ns() + static_cast<std::uint64_t>(settings_.scan_ms) * kMillisecond;
    return;
  }
  changed_ = false;
  std::vector<Folder::Entry> found;
  Folder::Unread unread;
  std::set<std::string> hidden;
  std::set<std::string> folders{""};
  const std::uint64_t began = host_.monotonic_ns();
  const Status status = folder_.scan(
      [&](Folder::Entry entry) {
        folders.insert(folder_of(entry.path));
        found.push_back(std::move(entry));
        return !host_.stop_requested();
      },
      &unread, &hidden);
  problems_.set("the folder cannot be read", status.message());
  report_unread(unread);
  report_hidden(std::move(hidden));
  watch_folders(folders);
  std::sort(found.begin(), found.end(), [](const Folder::Entry& a, const Folder::Entry& b) {
    return std::pair(a.identity.mtime_ns, a.path) < std::pair(b.identity.mtime_ns, b.path);
  });
  const bool is_read = status.ok() && !host_.stop_requested();
  std::map<std::string, FileIdentity> there;
  for (const Folder::Entry& entry : found) there[entry.path] = entry.identity;
  for (const Folder::Entry& entry : found) {
    // A sidecar and its container are in the same folder: only one that was read shows that one is missing.
    const bool is_known = is_read && !unread.contains(folder_of(entry.path));
    if (is_known || kind_of(entry.path) != FileKind::kSidecar) consider(entry, there);
  }
  std::erase_if(held_, [&](const auto& held) {
    return !there.contains(held.first) && is_read && !is_below(held.first, unread);
  });
  std::erase_if(fresh_, [&](const auto& one) { return !there.contains(one.first); });
  const std::uint64_t now = host_.monotonic_ns();
  std::uint64_t pause = static_cast<std::uint64_t>(settings_.scan_ms) * kMillisecond;
  if (!fresh_.empty()) pause = std::min(pause, kSettleTime);
  next_scan_ns_ = now + std::max(pause, 5 * (now - began));
  // While files keep coming, scans take a third of the time.
  next_early_scan_ns_ = now + std::max(20 * kMillisecond, 2 * (now - began));
  is_folder_read_ = is_read;
  scanned_ = scanned_ || is_read;
  scanned_all_ = scanned_all_ || (is_read && unread.empty() && has_room());
}

// The others are sent all the same.
void Sender::report_unread(const Folder::Unread& unread) {
  std::string text;
  if (!unread.empty())
    text = unread.begin()->second.message() +
           ": what is in it is not sent; make it readable, or move it out of the folder";
  if (unread.size() > 1) text += " (" + std::to_string(unread.size() - 1) + " others neither)";
  problems_.set("a folder below cannot be read", text);
}

// No problem: a hidden name is a way to keep a file out. One that vanishes soon was a temporary one.
void Sender::report_hidden(std::set<std::string> hidden) {
  for (const std::string& path : hidden)
    if (hidden_.contains(path) && reported_hidden_.size() < FolderScan::kMaxHidden &&
        reported_hidden_.insert(path).second)
      host_.log(PAXECT_LOG_WARN,
                settings_.folder + "/" + path + " is passed over: a name that begins with a dot is not sent");
  hidden_ = std::move(hidden);
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
    // It goes with its container. Link gives it its name first: only one that stays alone is nobody's.
    const auto held = held_.find(entry.path);
    // A container that is delivered and could not be removed yet has a hidden name, and its sidecar goes with
    // it.
    const std::string container = container_of(entry.path);
    const auto leaving = ids_.find(container);
    if (leaving != ids_.end() && is_receipted(leaving->second)) return;
    if (!there.contains(container)) {
      const bool is_old =
          held != held_.end() && host_.monotonic_ns() - held->second.since_ns >= kSidecarPatience;
      hold(entry.path, entry.identity, is_old ? kNoContainer : kContainerToCome);
    } else if (held != held_.end()) {
      held_.erase(held);
    }
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
  if (!has_room()) return;
  if (kind == FileKind::kStatement && !is_settled(entry)) return;
  candidate_paths_.insert(entry.path);
  candidates_.push_back(entry);
}

// A list has no sidecar that shows whether all of it is there, and a receiver keeps the first text of a name:
// it is sent when it has stayed as it is for a while. Whether somebody still has it open shows when it is
// read.
bool Sender::is_settled(const Folder::Entry& entry) {
  const std::uint64_t now = host_.monotonic_ns();
  Fresh& fresh = fresh_[entry.path];
  if (fresh.seen_ns == 0 || fresh.identity != entry.identity) fresh = {entry.identity, now};
  if (now - fresh.seen_ns < kSettleTime) return false;
  fresh_.erase(entry.path);
  return true;
}

// A file that is written to is another one at each scan: the same words are logged once a minute.
void Sender::hold(const std::string& path, const FileIdentity& identity, const std::string& reason,
                  const FileIdentity& sidecar) {
  Held& held = held_[path];
  const std::uint64_t now = host_.monotonic_ns();
  const bool is_still_alone = held.reason == kContainerToCome && reason == kNoContainer;
  if (held.reason != reason) held = {.reason = reason, .since_ns = is_still_alone ? held.since_ns : now};
  if (held.identity != identity && now - held.reported_ns > kRepeatHeld) held.reported_ns = 0;
  held.identity = identity;
  held.sidecar = sidecar;
  if (held.reported_ns != 0) return;
  if (reason == kContainerToCome) return;
  // A copy by hand may take a moment.
  if (reason == kNoSidecar && now - held.since_ns < kSidecarPatience) return;
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
    if (file.trouble.empty() || file.phase == Phase::kSending || file.phase == Phase::kDelivered) continue;
    if (count++ == 0) text = file.job.name + " is not delivered: " + file.trouble;
  }
  problems_.set("files are not delivered", count == 0 ? "" : count > 1 ? text + " (others neither)" : text);
  count = 0;
  for (const auto& [id, file] : files_) {
    if (file.unclaimed.waited_ns() == 0) continue;
    if (count++ == 0) text = unclaimed_text(file) + ", though receivers fetch: it was published again";
  }
  problems_.set("files are not claimed", count == 0 ? "" : count > 1 ? text + " (others neither)" : text);
}

}  // namespace paxect::carrier
