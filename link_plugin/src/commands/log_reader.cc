#include "commands/log_reader.h"

#include <checked_json.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/filesystem.h"
#include "base/json_text.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "base/unique_fd.h"
#include "proof/log_chain.h"

namespace paxect::link {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::string_view kTimeFormat = "YYYY-MM-DD HH:MM:SS UTC";

std::string text_member(const json::Document& line, const char* name) {
  auto member = line.FindMember(name);
  return member != line.MemberEnd() && member->value.IsString() ? text_of(member->value) : "";
}

std::uint64_t number_member(const json::Document& line, const char* name) {
  auto member = line.FindMember(name);
  return member != line.MemberEnd() && member->value.IsUint64() ? member->value.GetUint64() : 0;
}

bool parse_time(const std::string& text, std::int64_t* utc) {
  std::tm parts{};
  if (text.size() != kTimeFormat.size()) return false;
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  if (end == nullptr || *end != '\0') return false;
  *utc = timegm(&parts);
  return true;
}

// The time of the first line that can be read, 0 without one. Names do not order logs that two programs
// rotated.
std::int64_t first_time(const OpenLog& log) {
  std::int64_t utc = 0;
  LogCount ignored;
  std::ignore = read_log(
      log, 0,
      [&](const LogLine& line) {
        utc = line.utc;
        return false;
      },
      &ignored);
  return utc;
}

// What shows which log a rotated one follows: its first line with a chain, and the chain of its last one.
struct ChainEnds {
  std::string first;
  LogHead last;
};

ChainEnds ends_of(const OpenLog& log) {
  ChainEnds ends;
  LogHead head;
  std::ignore = read_lines(log, 0, [&](const std::string* line) {
    if (line == nullptr || !read_chain(*line, &head)) return true;
    ends.first = *line;
    return false;
  });
  const std::uint64_t size = stat_fd(log.fd.get()).identity.size;
  std::ignore =
      read_lines(log, size > 2 * kLongestLine ? size - 2 * kLongestLine : 0, [&](const std::string* line) {
        if (line != nullptr && read_chain(*line, &head)) ends.last = head;
        return true;
      });
  return ends;
}

// Oldest first: by the time of the first line, but a log that the chain says to follow another one comes
// right after it, since the clock may have been set back in between.
std::vector<std::size_t> order_of(const std::vector<OpenLog>& rotated) {
  std::vector<std::pair<std::int64_t, std::size_t>> by_time;
  std::vector<ChainEnds> ends;
  for (std::size_t i = 0; i < rotated.size(); ++i) {
    by_time.emplace_back(first_time(rotated[i]), i);
    ends.push_back(ends_of(rotated[i]));
  }
  std::sort(by_time.begin(), by_time.end());
  std::map<std::uint64_t, std::vector<std::size_t>> by_number;  // of the first line
  for (const auto& [time, i] : by_time)
    if (LogHead first; read_chain(ends[i].first, &first)) by_number[first.lines].push_back(i);
  constexpr std::size_t kNone = SIZE_MAX;
  std::vector<std::size_t> next(rotated.size(), kNone);
  std::vector<bool> has_before(rotated.size(), false);
  for (const auto& [time, i] : by_time) {
    const auto after = by_number.find(ends[i].last.lines + 1);
    if (ends[i].last.lines == 0 || after == by_number.end()) continue;
    for (const std::size_t other : after->second) {
      if (next[i] != kNone || has_before[other] || !follows(ends[i].last, ends[other].first)) continue;
      next[i] = other;
      has_before[other] = true;
    }
  }
  std::vector<std::size_t> order;
  for (const auto& [time, first] : by_time)
    for (std::size_t i = has_before[first] ? kNone : first; i != kNone; i = next[i]) order.push_back(i);
  return order;
}

// Of two logs rotated from one: by their time, and in one second by their number, which the first has not.
bool is_older(const std::string& one, const std::string& other) {
  auto age = [](const std::string& name) {
    std::string_view time = std::string_view(name).substr(0, name.rfind('Z'));
    return std::tuple(time, name.size(), std::string_view(name));
  };
  return age(one) < age(other);
}

// Cuts a stream of bytes into lines; of one that is too long nothing is given.
class LineCutter {
 public:
  explicit LineCutter(const std::function<bool(const std::string* line)>& each) : each_(each) {}

  // False when the reader wants no more.
  bool feed(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t end = bytes.find('\n');
      std::string_view part = bytes.substr(0, end);
      if (line_.size() + part.size() <= kLongestLine)
        line_ += part;
      else
        too_long_ = true;
      if (end == std::string_view::npos) return true;
      bytes.remove_prefix(end + 1);
      if (!finish()) return false;
    }
    return true;
  }

  // The last line may have no LF.
  void finish_last() {
    if (too_long_ || !line_.empty()) finish();
  }

  bool finish() {
    const bool go_on = each_(too_long_ ? nullptr : &line_);
    line_.clear();
    too_long_ = false;
    return go_on;
  }

 private:
  const std::function<bool(const std::string* line)>& each_;
  std::string line_;
  bool too_long_ = false;
};

Status read_from(int fd, const std::string& path, std::uint64_t offset, LineCutter* cutter) {
  std::string block(kBlock, '\0');
  for (;;) {
    ssize_t got = pread(fd, block.data(), block.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read log", path, errno);
    if (got == 0) break;
    offset += static_cast<std::uint64_t>(got);
    if (!cutter->feed({block.data(), static_cast<std::size_t>(got)})) return Status::success();
  }
  cutter->finish_last();
  return Status::success();
}

}  // namespace

std::optional<LogLine> parse_log_line(std::string_view line) {
  json::Document document;
  document.Parse<kStrictJson>(line.data(), line.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  LogLine result;
  result.datetime_utc = text_member(document, "datetime_utc");
  result.event = text_member(document, "event");
  if (result.event.empty() || !parse_time(result.datetime_utc, &result.utc)) return std::nullopt;
  result.level = text_member(document, "level");
  result.source = text_member(document, "src");
  result.target = text_member(document, "dst");
  result.status = text_member(document, "status");
  result.message = text_member(document, "message");
  result.sender = text_member(document, "sender");
  result.list = text_member(document, "list");
  result.relay = text_member(document, "relay");
  result.stream = text_member(document, "stream");
  result.ids = text_member(document, "ids");
  result.id = number_member(document, "id");
  result.number = number_member(document, "number");
  result.first = number_member(document, "first");
  result.entry = number_member(document, "entry");
  result.bytes = number_member(document, "bytes");
  result.container_bytes = number_member(document, "container_bytes");
  return result;
}

bool is_whole_line(std::string_view line) {
  json::Document document;
  document.Parse(line.data(), line.size());
  return !document.HasParseError() && document.IsObject();
}

Status open_log(const std::string& path, OpenLog* out) {
  out->path = path;
  out->fd.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!out->fd) return io_failure_or_gone("open log", path, errno, errno == ENOENT);
  if (stat_fd(out->fd.get()).kind != FileKind::kRegular) return io_failure("read as log", path, EINVAL);
  return Status::success();
}

std::vector<OpenLog> open_with_rotated(const std::vector<std::string>& logs,
                                       std::vector<std::string>* passed_over) {
  std::vector<OpenLog> opened;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  auto add = [&](const std::string& path, std::vector<OpenLog>* to) {
    OpenLog log;
    if (!open_log(path, &log).ok()) return false;
    FileIdentity identity = stat_fd(log.fd.get()).identity;
    if (seen.emplace(identity.device, identity.inode).second) to->push_back(std::move(log));
    return true;
  };
  for (const std::string& log : logs) {
    // The log before its rotated parts: one that is rotated in between is met twice, and not missed.
    std::vector<OpenLog> itself;
    add(log, &itself);
    std::vector<std::string> names;
    Directory directory;
    Status listed = Directory::open(directory_name(log), &directory);
    if (listed.ok())
      listed = directory.list([&](const char* name) {
        if (is_rotated_log(name, base_name(log))) names.emplace_back(name);
        return true;
      });
    // What cannot be listed may have some.
    const bool is_unknown = !listed.ok() && !is_absent(directory_name(log));
    if (is_unknown && passed_over != nullptr) passed_over->push_back(directory_name(log));
    std::sort(names.begin(), names.end(), is_older);
    std::vector<OpenLog> rotated;
    // By the names: whether logs that were passed over are after each of `rotated`.
    std::vector<bool> is_before_gap;
    bool is_gap = is_unknown;
    for (const std::string& name : names) {
      const std::size_t count = rotated.size();
      const bool is_passed_over = is_compressed_log(name) || !add(directory.path_of(name), &rotated);
      if (is_passed_over && passed_over != nullptr) passed_over->push_back(directory.path_of(name));
      if (is_passed_over && !rotated.empty()) is_before_gap.back() = true;
      is_gap = is_gap || is_passed_over;
      if (rotated.size() == count) continue;
      rotated.back().after_gap = std::exchange(is_gap, false);
      is_before_gap.push_back(false);
    }
    bool is_after = false;
    for (const std::size_t i : order_of(rotated)) {
      rotated[i].after_gap = rotated[i].after_gap || is_after;
      is_after = is_before_gap[i];
      opened.push_back(std::move(rotated[i]));
    }
    for (OpenLog& last : itself) {
      last.after_gap = is_gap || is_after;
      opened.push_back(std::move(last));
    }
  }
  return opened;
}

std::string passed_over_text(const std::vector<std::string>& passed_over) {
  if (passed_over.empty()) return "";
  const bool one = passed_over.size() == 1;
  return std::to_string(passed_over.size()) + (one ? " rotated log was" : " rotated logs were") +
         " passed over, such as " + passed_over.front() + ": decompress " + (one ? "it" : "them") +
         " first, or let this user read " + (one ? "it" : "them");
}

Status read_log(const OpenLog& log, std::uint64_t offset, const std::function<bool(const LogLine&)>& each,
                LogCount* count) {
  return read_lines(log, offset, [&](const std::string* text) {
    if (text != nullptr && text->empty()) return true;
    std::optional<LogLine> line = text == nullptr ? std::nullopt : parse_log_line(*text);
    ++(line ? count->lines : count->unreadable);
    return !line || each(*line);
  });
}

Status read_lines(const OpenLog& log, std::uint64_t offset,
                  const std::function<bool(const std::string* line)>& each) {
  LineCutter cutter(each);
  return read_from(log.fd.get(), log.path, offset, &cutter);
}

Status read_log(const std::string& path, std::uint64_t offset,
                const std::function<bool(const LogLine&)>& each, LogCount* count) {
  OpenLog log;
  Status status = open_log(path, &log);
  return status.ok() ? read_log(log, offset, each, count) : status;
}

Status read_log_tail(const OpenLog& log, std::uint64_t max_bytes,
                     const std::function<bool(const LogLine&)>& each, LogCount* count) {
  std::uint64_t size = stat_fd(log.fd.get()).identity.size;
  if (size <= max_bytes) return read_log(log, 0, each, count);
  // From the first line that begins in the tail.
  std::uint64_t offset = size - max_bytes;
  for (char byte = '\0'; byte != '\n'; ++offset)
    if (pread(log.fd.get(), &byte, 1, static_cast<off_t>(offset - 1)) != 1) break;
  return read_log(log, offset - 1, each, count);
}

}  // namespace paxect::link
