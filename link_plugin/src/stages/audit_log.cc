#include "stages/audit_log.h"

#include <checked_json.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/printable.h"
#include "base/relay_paths.h"
#include "base/version.h"

namespace paxect::link {

std::string_view name_of(Level level) {
  static constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

namespace {

constexpr std::uint64_t kMaxTail = std::uint64_t{8} << 20;  // of the end of a log

// A line that has the id of a delivery, too, and is written before that of the delivery itself.
constexpr std::string_view kAlsoOfDelivery = "\"event\": \"name_conflict\"";

constexpr const char* kAcl = "system.posix_acl_access";
constexpr std::size_t kAclLimit = 65536;
constexpr unsigned kPrivateMode = 0600;  // until it has the attributes of the log before it

// A JSON object in one line, with a blank after each colon and comma: what greps this log for
// `"event": "decode"` was written for logs of that form, and goes on working. Keys are ours and need no
// escapes.
class LineWriter {
 public:
  void text(std::string_view key, std::string_view value) {
    begin(key);
    std::string safe = printable(value);
    writer_.String(safe.data(), static_cast<rapidjson::SizeType>(safe.size()));
  }
  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    writer_.Uint64(value);
  }
  std::string finish() {
    put("}\n");
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void put(std::string_view bytes) {
    for (char byte : bytes) buffer_.Put(byte);
  }
  void begin(std::string_view key) {
    put(buffer_.GetSize() == 0 ? "{\"" : ", \"");
    put(key);
    put("\": ");
    writer_.Reset(buffer_);
  }

  json::StringBuffer buffer_;
  json::Writer writer_{buffer_};
};

// Gives the new log mode, owner, group and ACL of the one before it: who reads the log goes on reading it.
// What cannot be given is left out so that nobody gains access.
void take_attributes(int from, int to) {
  struct stat info {};
  if (fstat(from, &info) != 0) return;
  mode_t mode = info.st_mode & 0777U;
  const bool is_owned =
      fchown(to, info.st_uid, info.st_gid) == 0 || fchown(to, static_cast<uid_t>(-1), info.st_gid) == 0;
  std::array<char, kAclLimit> acl;
  ssize_t size = fgetxattr(from, kAcl, acl.data(), acl.size());
  // One that the directory gave it.
  if (size <= 0) std::ignore = fremovexattr(to, kAcl);
  if (!is_owned) mode &= ~static_cast<mode_t>(S_IRWXG);
  if (size > 0 && (!is_owned || fsetxattr(to, kAcl, acl.data(), static_cast<std::size_t>(size), 0) != 0))
    // With an ACL the bits of the group are the maximum of what any named user or group may do.
    mode &= ~static_cast<mode_t>(S_IRWXG);
  std::ignore = fchmod(to, mode);
}

// Each of these lines with its chain.
std::string chained(std::string_view lines, LogHead* head) {
  std::string text;
  while (!lines.empty()) {
    const std::size_t size = lines.find('\n') + 1;
    text += chained_line(lines.substr(0, size), head);
    lines.remove_prefix(size);
  }
  return text;
}

// The last chain in the last 2 MiB of a log; none is the head of an empty one.
Status last_head_in(int fd, const std::string& path, LogHead* head) {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 16;
  constexpr std::uint64_t kMaxRead = std::uint64_t{2} << 20;
  *head = {};
  const std::uint64_t size = stat_fd(fd).identity.size;
  std::string text;
  for (std::uint64_t begin = size; begin > 0 && size - begin < kMaxRead;) {
    const std::uint64_t end = begin;
    begin = end > kPiece ? end - kPiece : 0;
    std::string piece(end - begin, '\0');
    errno = EIO;  // of a file that became shorter
    if (pread(fd, piece.data(), piece.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(piece.size()))
      return io_failure("read log", path, errno);
    text.insert(0, piece);
    // Lines that begin in what was read so far, from the last one on.
    for (std::size_t at; (at = text.rfind('\n')) != std::string::npos || begin == 0;) {
      const std::size_t line = at == std::string::npos ? 0 : at + 1;
      if (read_chain(std::string_view(text).substr(line), head)) return Status::success();
      if (at == std::string::npos) break;
      text.resize(at);
    }
  }
  return Status::success();
}

}  // namespace

std::string to_json_line(const Event& event, std::int64_t realtime_ns, std::string_view version) {
  LineWriter line;
  line.text("datetime_utc", utc_text(realtime_ns));
  line.text("level", name_of(event.level));
  line.text("event", event.name);
  line.text("src", event.source);
  line.text("dst", event.target);
  line.text("status", event.status);
  line.text("message", event.message);
  line.text("version", version);
  for (const auto& [key, value] : event.numbers) line.number(key, value);
  for (const auto& [key, value] : event.texts) line.text(key, value);
  return line.finish();
}

Status AuditLog::open(const std::string& path, std::uint64_t limit) {
  path_ = path;
  limit_ = limit;
  head_ = {};
  Status status = open_file();
  // What cannot be read now is a failure of the first flush.
  if (status.ok()) std::ignore = read_head();
  return status;
}

void AuditLog::follow(const LogHead& head) {
  if (head.lines > head_.lines) head_ = head;
}

Status AuditLog::open_file(unsigned mode) {
  fd_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode));
  if (!fd_) return io_failure("open log", path_, errno);
  FileStat observed = stat_fd(fd_.get());
  if (observed.kind != FileKind::kRegular)
    return Status::environment("the log " + path_ + " is no regular file");
  size_ = observed.identity.size;
  is_name_durable_ = false;
  is_head_read_ = false;
  is_locked_ = false;
  return Status::success();
}

void AuditLog::append(const Event& event, std::int64_t realtime_ns) {
  buffer_ += to_json_line(event, realtime_ns, kVersion);
}

Status AuditLog::flush(std::int64_t realtime_ns) {
  if (buffer_.empty()) return Status::success();
  LogHead head;
  std::string lines;
  for (;;) {
    if (Status status = lock(); !status.ok()) return status;
    head = head_;
    lines = chained(buffer_, &head);
    if (size_ == 0 || size_ + lines.size() <= limit_) break;
    // Another relay may write to the new file before it is locked.
    if (Status status = rotate(realtime_ns); !status.ok()) {
      unlock();
      return status;
    }
  }
  Status status = write(lines);
  unlock();
  if (!status.ok()) return status;
  size_ += lines.size();
  head_ = head;
  buffer_.clear();
  return Status::success();
}

Status AuditLog::lock() {
  constexpr int kTries = 2000;
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 1'000'000};
  if (!fd_)
    if (Status status = open_file(); !status.ok()) return status;
  for (;;) {
    int tries = 0;
    while (!(is_locked_ = flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) && errno == EWOULDBLOCK) {
      if (++tries == kTries)
        return Status::environment("another program holds the lock on the log " + path_ +
                                   ": its disk may be slow");
      nanosleep(&kPause, nullptr);
    }
    const FileIdentity ours = stat_fd(fd_.get()).identity;
    FileIdentity here;
    if (identity_of(path_, &here) && here.inode == ours.inode && here.device == ours.device) {
      // Another program has appended lines, or has copied the file and cut it.
      if (ours.size > size_) is_head_read_ = false;
      size_ = ours.size;
      Status status = close_off();
      if (status.ok() && !is_head_read_) status = read_head();
      if (!status.ok()) unlock();
      return status;
    }
    // Somebody else's rotation: the path leads to another file now, or to none.
    if (Status status = open_file(); !status.ok()) return status;
  }
}

Status AuditLog::close_off() {
  char last = '\n';
  errno = EIO;  // of a file that became shorter
  if (size_ > 0 && pread(fd_.get(), &last, 1, static_cast<off_t>(size_ - 1)) != 1)
    return io_failure("read log", path_, errno);
  if (last == '\n') return Status::success();
  Status status = write_all(fd_.get(), "\n", 1, path_);
  if (status.ok()) ++size_;
  return status;
}

void AuditLog::unlock() {
  if (is_locked_ && fd_) std::ignore = flock(fd_.get(), LOCK_UN);
  is_locked_ = false;
}

Status AuditLog::write(const std::string& lines) {
  Status status = write_all(fd_.get(), lines.data(), lines.size(), path_);
  if (status.ok()) status = sync_file(fd_.get(), path_);
  if (status.ok() && !is_name_durable_) {
    status = sync_names_beside(path_);
    is_name_durable_ = status.ok();
  }
  if (status.ok()) return status;
  // No half lines: cut back to where the file was. Without the lock, lines of another relay may be behind
  // them.
  const bool is_cut = is_locked_ && ftruncate(fd_.get(), static_cast<off_t>(size_)) == 0;
  // Otherwise the next try closes them off, and follows those of them that are complete.
  if (!is_cut) std::ignore = open_file();
  return status;
}

Status AuditLog::read_head() {
  LogHead found;
  if (Status status = last_head_in(fd_.get(), path_, &found); !status.ok()) return status;
  follow(found);
  Directory directory;
  // Without one in the file and in the journal, the log was rotated before the relay had a journal.
  if (head_.lines == 0) {
    if (Status status = Directory::open(directory_name(path_), &directory); !status.ok()) return status;
    Status failure;
    Status status = directory.list([&](const char* name) {
      UniqueFd fd;
      FileIdentity identity;
      if (!is_rotated_log(name, base_name(path_))) return true;
      failure = directory.open_source(name, &fd, &identity);
      if (failure.ok()) failure = last_head_in(fd.get(), directory.path_of(name), &found);
      if (failure.ok()) follow(found);
      return failure.ok();
    });
    if (status.ok()) status = failure;
    if (!status.ok()) return status;
  }
  is_head_read_ = true;
  return Status::success();
}

bool AuditLog::has(std::string_view relay, std::uint64_t id, std::uint64_t from) const {
  const std::string fields[] = {"\"id\": " + std::to_string(id), "\"relay\": \"" + std::string(relay) + "\""};
  return has_line(fields, from, kAlsoOfDelivery);
}

bool AuditLog::has_list(std::string_view stream, std::uint64_t number) const {
  const std::string fields[] = {"\"event\": \"list\"", "\"number\": " + std::to_string(number),
                                "\"stream\": \"" + std::string(stream) + "\""};
  return has_line(fields, size_ - std::min(size_, kMaxTail));
}

// Quotation marks in values are escaped, so that no name of a file reads like a field.
bool AuditLog::has_line(std::span<const std::string> fields, std::uint64_t from,
                        std::string_view unless) const {
  constexpr std::size_t kMaxLine = std::size_t{1} << 20;
  std::string rest;
  std::array<char, 65536> buffer;
  for (std::uint64_t at = size_ < from ? 0 : from;;) {
    ssize_t got = pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<std::uint64_t>(got);
    rest.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string_view line = std::string_view(rest).substr(begin, end - begin);
      const bool has_all = std::all_of(fields.begin(), fields.end(), [&](const std::string& field) {
        return line.find(field + ",") != std::string_view::npos ||
               line.find(field + "}") != std::string_view::npos;
      });
      if (has_all && (unless.empty() || line.find(unless) == std::string_view::npos)) return true;
    }
    rest.erase(0, begin);
    // Longer than any line of a relay.
    if (rest.size() > kMaxLine) rest.clear();
  }
}

namespace {

// Of one log, read from its end.
LoggedDelivery last_delivery_in(int fd, const std::string& inbox, std::string_view own) {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 18;
  constexpr int kBatchLines = 512;  // in which ids are not in order
  LoggedDelivery last;
  int lines = 0;
  std::string text;
  const std::uint64_t size = stat_fd(fd).identity.size;
  for (std::uint64_t end = size; end > 0 && size - end < kMaxTail && lines < kBatchLines;) {
    const std::uint64_t begin = end > kPiece ? end - kPiece : 0;
    std::string piece(end - begin, '\0');
    if (pread(fd, piece.data(), piece.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(piece.size()))
      return last;
    text.insert(0, piece);
    end = begin;
    for (std::size_t at; lines < kBatchLines && !text.empty();) {
      if (text.back() == '\n') text.pop_back();
      at = text.rfind('\n');
      if (at == std::string::npos && begin > 0) break;
      const std::string line = text.substr(at == std::string::npos ? 0 : at + 1);
      text.resize(at == std::string::npos ? 0 : at + 1);
      if (!last.relay.empty()) ++lines;
      if (line.find("\"relay\"") == std::string::npos) continue;
      json::Document document;
      document.Parse(line.data(), line.size());
      if (document.HasParseError() || !document.IsObject()) continue;
      const char* id_key = document.HasMember("id") ? "id" : "last_id";
      if (!document.HasMember("relay") || !document.HasMember(id_key) || !document.HasMember("src")) continue;
      const json::Value& relay = document["relay"];
      const json::Value& id = document[id_key];
      const json::Value& source = document["src"];
      if (!relay.IsString() || !id.IsUint64() || !source.IsString()) continue;
      const std::string path = source.GetString();
      if (path != inbox && !path.starts_with(inbox + "/")) continue;
      last.has_other = last.has_other || relay.GetString() != own;
      // Another relay that only started has not delivered what this one does not know.
      if (id_key == std::string_view("last_id") && relay.GetString() != own) continue;
      if (last.relay.empty()) last.relay = relay.GetString();
      if (last.relay == relay.GetString()) last.id = std::max(last.id, id.GetUint64());
    }
  }
  return last;
}

}  // namespace

LoggedDelivery AuditLog::last_delivery(const std::string& inbox, std::string_view own) const {
  const std::string shown = printable(inbox);
  LoggedDelivery last = last_delivery_in(fd_.get(), shown, own);
  if (!last.relay.empty()) return last;
  Directory directory;
  if (!Directory::open(directory_name(path_), &directory).ok()) return last;
  const std::string begin = rotated_log_of(base_name(path_), "", 0);
  const std::string stem = begin.substr(0, begin.size() - std::string_view(".jsonl").size());
  std::string newest;
  std::ignore = directory.list([&](const char* name) {
    std::string_view each = name;
    if (each.starts_with(stem) && each.ends_with(".jsonl") && each != base_name(path_) && each > newest)
      newest = each;
    return true;
  });
  UniqueFd fd;
  FileIdentity identity;
  if (newest.empty() || !directory.open_source(newest, &fd, &identity).ok()) return last;
  const bool has_other = last.has_other;
  last = last_delivery_in(fd.get(), shown, own);
  last.has_other = last.has_other || has_other;
  return last;
}

Status AuditLog::rotate(std::int64_t realtime_ns) {
  Directory directory;
  if (Status status = Directory::open(directory_name(path_), &directory); !status.ok()) return status;
  std::string stamp = utc_stamp(realtime_ns);
  std::string name(base_name(path_));
  for (unsigned number = 0;; ++number) {
    bool taken = false;
    Status status = directory.rename_new(name, rotated_log_of(name, stamp, number), &taken);
    if (taken) continue;
    if (!status.ok()) return status;
    const UniqueFd before = std::move(fd_);
    status = open_file(kPrivateMode);
    if (status.ok()) take_attributes(before.get(), fd_.get());
    return status;
  }
}

}  // namespace paxect::link
