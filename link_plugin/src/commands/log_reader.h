// Reads audit logs back: our own, and whatever else may stand between the lines.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

struct LogLine {
  std::int64_t utc = 0;  // seconds since 1970
  std::string datetime_utc, level, event, source, target, status, message;
  std::string sender = {}, list = {};   // who listed the container, and the stream and number of the list
  std::string relay = {};               // that made the delivery or the list
  std::string stream = {}, ids = {};    // of a list of ours: its stream, and the deliveries it is about
  std::uint64_t id = 0;                 // of the delivery
  std::uint64_t number = 0, first = 0;  // of a list: its number, and that of its first entry
  std::uint64_t entry = 0;              // of the list that names the container
  std::uint64_t bytes = 0;              // of the data, 0 when unknown
  std::uint64_t container_bytes = 0;    // likewise

  // A delivery: encode, decode, forward.
  bool is_transfer() const { return event == "encode" || event == "decode" || event == "forward"; }
};

// The line, or nothing when it is torn or not the relay's.
std::optional<LogLine> parse_log_line(std::string_view line);

// Whether it is a JSON object: a crash breaks a line off, and what is left of it is none.
bool is_whole_line(std::string_view line);

struct LogCount {
  std::uint64_t lines = 0;       // that were read
  std::uint64_t unreadable = 0;  // torn or foreign
};

// A log open for reading: a rotation gives it another name and nothing else.
struct OpenLog {
  std::string path;  // under which it was opened
  UniqueFd fd;
  bool after_gap = false;  // logs that were passed over may be between it and the one before
};

Status open_log(const std::string& path, OpenLog* out);
// These logs and the ones rotated from them, by the relay or by logrotate (LOG.1, LOG-20260102), oldest
// first, each log after its own. All that was in them when this was called can be read, whatever is rotated
// in the meantime. Those that are not there are left out, and so are other names of the same file.
// `*passed_over`, when asked for, receives the paths of rotated logs that were compressed since or cannot be
// opened, and of folders that cannot be listed.
std::vector<OpenLog> open_with_rotated(const std::vector<std::string>& logs,
                                       std::vector<std::string>* passed_over = nullptr);
// "3 rotated logs were passed over, such as PATH: decompress them first, ..."; "" for none.
std::string passed_over_text(const std::vector<std::string>& passed_over);

// Calls back with each line from `offset` on, in their order; with NULL for one that is
// longer than any of the relay's. `each` may stop by returning false.
Status read_lines(const OpenLog& log, std::uint64_t offset,
                  const std::function<bool(const std::string* line)>& each);
// The same with those that are the relay's. `each` may stop by returning false.
Status read_log(const OpenLog& log, std::uint64_t offset, const std::function<bool(const LogLine&)>& each,
                LogCount* count);
Status read_log(const std::string& path, std::uint64_t offset,
                const std::function<bool(const LogLine&)>& each, LogCount* count);
// The same with the last `max_bytes` bytes: complete lines only.
Status read_log_tail(const OpenLog& log, std::uint64_t max_bytes,
                     const std::function<bool(const LogLine&)>& each, LogCount* count);

}  // namespace paxect::link
