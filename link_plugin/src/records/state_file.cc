#include "records/state_file.h"

#include <checked_json.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/clock.h"
#include "base/filesystem.h"
#include "base/json_text.h"
#include "base/printable.h"
#include "base/published_file.h"
#include "base/relay_paths.h"
#include "base/unique_fd.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kInterval = kSecond;
constexpr std::int64_t kNanoseconds = 1'000'000'000;  // in a second
constexpr std::size_t kBlock = 4096;                  // the least that a file with contents occupies
constexpr std::size_t kFewListed = 16;                // files that wait, in a state that must fit into that
constexpr std::size_t kLimit = std::size_t{16} << 20;

using Writer = json::Writer;

void write_text(Writer& writer, const char* key, std::string_view value) {
  std::string safe = printable(value);
  writer.Key(key);
  writer.String(safe.data(), static_cast<rapidjson::SizeType>(safe.size()));
}

void write_file(Writer& writer, const WaitingFile& file) {
  writer.StartObject();
  write_text(writer, "path", file.path);
  writer.Key("inode");
  writer.Uint64(file.identity.inode);
  writer.Key("size");
  writer.Uint64(file.identity.size);
  writer.Key("mtime_ns");
  writer.Int64(file.identity.mtime_ns);
  writer.Key("ctime_ns");
  writer.Int64(file.identity.ctime_ns);
  write_text(writer, "state", name_of(file.state));
  writer.Key("attempts");
  writer.Uint(file.attempts);
  writer.Key("next_try_utc_ns");
  writer.Int64(file.next_try_utc_ns);
  writer.Key("arrived_utc_ns");
  writer.Int64(file.arrived_utc_ns);
  writer.Key("first_utc_ns");
  writer.Int64(file.first_utc_ns);
  writer.Key("last_utc_ns");
  writer.Int64(file.last_utc_ns);
  write_text(writer, "event", file.event);
  write_text(writer, "reason", file.reason);
  writer.EndObject();
}

// Reads members; remembers whether one was missing or of another type.
class Members {
 public:
  explicit Members(const json::Value& object) : object_(object), ok_(object.IsObject()) {}
  bool ok() const { return ok_; }

  const json::Value* get(const char* key) {
    if (!ok_) return nullptr;
    auto member = object_.FindMember(key);
    if (member != object_.MemberEnd()) return &member->value;
    ok_ = false;
    return nullptr;
  }
  void read(const char* key, std::int64_t* out) {
    const auto* value = get(key);
    if (ok_ &= value != nullptr && value->IsInt64()) *out = value->GetInt64();
  }
  void read(const char* key, std::uint64_t* out) {
    const auto* value = get(key);
    if (ok_ &= value != nullptr && value->IsUint64()) *out = value->GetUint64();
  }
  void read(const char* key, unsigned* out) {
    const auto* value = get(key);
    if (ok_ &= value != nullptr && value->IsUint()) *out = value->GetUint();
  }
  void read(const char* key, double* out) {
    const auto* value = get(key);
    if (ok_ &= value != nullptr && value->IsNumber()) *out = value->GetDouble();
  }
  void read(const char* key, bool* out) {
    const auto* value = get(key);
    if (ok_ &= value != nullptr && value->IsBool()) *out = value->GetBool();
  }
  void read(const char* key, std::string* out) {
    const auto* value = get(key);
    if (ok_ &= value != nullptr && value->IsString()) *out = bytes_of_printable(text_of(*value));
  }

 private:
  const json::Value& object_;
  bool ok_;
};

bool read_file_entry(const json::Value& value, WaitingFile* file) {
  Members members(value);
  members.read("path", &file->path);
  members.read("inode", &file->identity.inode);
  members.read("size", &file->identity.size);
  members.read("mtime_ns", &file->identity.mtime_ns);
  members.read("ctime_ns", &file->identity.ctime_ns);
  std::string state;
  members.read("state", &state);
  members.read("attempts", &file->attempts);
  members.read("next_try_utc_ns", &file->next_try_utc_ns);
  members.read("arrived_utc_ns", &file->arrived_utc_ns);
  members.read("first_utc_ns", &file->first_utc_ns);
  members.read("last_utc_ns", &file->last_utc_ns);
  members.read("event", &file->event);
  members.read("reason", &file->reason);
  for (FileState known : {FileState::kPending, FileState::kBlocked, FileState::kHeld}) {
    if (name_of(known) != state) continue;
    file->state = known;
    return members.ok();
  }
  return false;
}

void write_latency(Writer& writer, const LatencySummary& latency) {
  writer.Key("latency");
  writer.StartObject();
  writer.Key("files");
  writer.Uint64(latency.files);
  writer.Key("median_s");
  writer.Double(latency.median_s);
  writer.Key("p95_s");
  writer.Double(latency.p95_s);
  writer.EndObject();
}

bool read_latency(const json::Value& value, LatencySummary* latency) {
  Members members(value);
  members.read("files", &latency->files);
  members.read("median_s", &latency->median_s);
  members.read("p95_s", &latency->p95_s);
  return members.ok();
}

bool read_in_hand(const json::Value& value, FileInHand* file) {
  Members members(value);
  members.read("path", &file->path);
  members.read("size", &file->size);
  members.read("bytes_read", &file->bytes_read);
  members.read("since_utc_ns", &file->since_utc_ns);
  return members.ok();
}

}  // namespace

std::string to_json(const RelayState& state) {
  json::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("pid");
  writer.Int64(state.pid);
  writer.Key("written_utc_ns");
  writer.Int64(state.written_utc_ns);
  write_text(writer, "waiting_for", state.waiting_for);
  writer.Key("oldest_utc_ns");
  writer.Int64(state.oldest_utc_ns);
  writer.Key("waiting_count");
  writer.Uint64(state.waiting_count);
  writer.Key("repaired_files");
  writer.Uint64(state.repaired_files);
  writer.Key("repaired_cells");
  writer.Uint64(state.repaired_cells);
  if (state.latency) write_latency(writer, *state.latency);
  writer.Key("trouble");
  writer.StartObject();
  for (const auto& [about, message] : state.trouble) write_text(writer, about.c_str(), message);
  writer.EndObject();
  writer.Key("in_hand");
  writer.StartArray();
  for (const FileInHand& file : state.in_hand) {
    writer.StartObject();
    write_text(writer, "path", file.path);
    writer.Key("size");
    writer.Uint64(file.size);
    writer.Key("bytes_read");
    writer.Uint64(file.bytes_read);
    writer.Key("since_utc_ns");
    writer.Int64(file.since_utc_ns);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("waiting");
  writer.StartArray();
  for (const WaitingFile& file : state.waiting) write_file(writer, file);
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::optional<RelayState> parse_state(std::string_view text) {
  json::Document document;
  document.Parse<kStrictJson>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  RelayState state;
  Members members(document);
  members.read("pid", &state.pid);
  members.read("written_utc_ns", &state.written_utc_ns);
  members.read("waiting_for", &state.waiting_for);
  members.read("oldest_utc_ns", &state.oldest_utc_ns);
  members.read("waiting_count", &state.waiting_count);
  members.read("repaired_files", &state.repaired_files);
  members.read("repaired_cells", &state.repaired_cells);
  const auto* trouble = members.get("trouble");
  const auto* waiting = members.get("waiting");
  if (!members.ok() || !trouble->IsObject() || !waiting->IsArray()) return std::nullopt;
  // A relay of an earlier version does not write it.
  if (document.HasMember("in_hand")) {
    const json::Value& in_hand = document["in_hand"];
    if (!in_hand.IsArray()) return std::nullopt;
    for (const auto& entry : in_hand.GetArray())
      if (!read_in_hand(entry, &state.in_hand.emplace_back())) return std::nullopt;
  }
  if (document.HasMember("latency") && !read_latency(document["latency"], &state.latency.emplace()))
    return std::nullopt;
  for (const auto& entry : trouble->GetObject()) {
    if (!entry.value.IsString()) return std::nullopt;
    state.trouble[text_of(entry.name)] = bytes_of_printable(text_of(entry.value));
  }
  for (const auto& entry : waiting->GetArray())
    if (!read_file_entry(entry, &state.waiting.emplace_back())) return std::nullopt;
  return state;
}

std::optional<RelayState> read_state(const std::string& lock_path, std::int64_t* alive_utc_ns) {
  std::string text;
  FileIdentity identity;
  if (!read_file(status_of(lock_path), kLimit, &text, &identity).ok()) return std::nullopt;
  if (alive_utc_ns != nullptr) *alive_utc_ns = identity.mtime_ns;
  return parse_state(text);
}

StateFile::StateFile(const std::string& lock_path) : path_(status_of(lock_path)) {}

void StateFile::keep_alive(std::uint64_t monotonic_ns, std::int64_t realtime_ns) {
  std::uint64_t last = alive_ns_;
  // Half of the interval: the next call may come late.
  if (monotonic_ns - last < kAliveInterval / 2 || !alive_ns_.compare_exchange_strong(last, monotonic_ns))
    return;
  set_time(realtime_ns);
}

void StateFile::set_time(std::int64_t realtime_ns) const {
  const timespec time = {.tv_sec = realtime_ns / kNanoseconds, .tv_nsec = realtime_ns % kNanoseconds};
  const std::array<timespec, 2> times = {time, time};
  utimensat(AT_FDCWD, path_.c_str(), times.data(), 0);
}

// A full disk takes no new file, but changes in the block of one that exists.
void StateFile::overwrite(RelayState state, const std::string& problem) const {
  state.trouble["state"] = problem;
  state.in_hand.clear();
  std::string text;
  for (std::size_t count = kFewListed;; count /= 2) {
    if (state.waiting.size() > count) state.waiting.resize(count);
    text = to_json(state);
    if (text.size() <= kBlock || count == 0) break;
  }
  std::string end;
  if (!find_published_file(path_, &end).ok()) return;
  const UniqueFd fd(open(end.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return;
  // Blanks behind it: the end of a longer text goes in the same write.
  const std::size_t former = stat_fd(fd.get()).identity.size;
  text.resize(std::max(text.size(), std::min<std::size_t>(former, kBlock)), ' ');
  if (pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()))
    std::ignore = ftruncate(fd.get(), static_cast<off_t>(text.size()));
}

void StateFile::write(const RelayState& state, std::uint64_t monotonic_ns) {
  due_ns_ = monotonic_ns + kInterval;
  RelayState timeless = state;
  timeless.written_utc_ns = 0;
  std::string text = to_json(timeless);
  if (text == last_) return;
  const Status status = publish_file(path_, to_json(state), Durable::kNothing);
  last_ = status.ok() ? text : "";
  if (!status.ok()) overwrite(state, status.message);
  alive_ns_ = monotonic_ns;
  set_time(state.written_utc_ns);
}

}  // namespace paxect::link
