// The audit log: one JSON object a line, appended; a line is durable when flush() has succeeded.
//
// Each line ends with a chain (proof/log_chain.h), which goes on over rotations and restarts. A torn last
// line, left by a crash, is closed off before the next one, so that nothing is glued to it. When the file
// passes its limit it is renamed aside, to STEM.YYYYMMDDTHHMMSSZ.jsonl, and a new one of the same mode,
// owner, group and ACL begun. Several relays may append to one log: whoever writes holds a lock on the file
// (flock), where the file system has locks. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "proof/log_chain.h"

namespace paxect::link {

enum class Level { kDebug = 0, kInfo = 1, kWarn = 2, kError = 3 };
std::string_view name_of(Level level);

// One line to write. `source` and `target` are paths, "" for none.
struct Event {
  Level level = Level::kInfo;
  std::string name = {};
  std::string source = {};
  std::string target = {};
  std::string status = {};
  std::string message = {};
  std::vector<std::pair<std::string, std::uint64_t>> numbers = {};  // further fields
  std::vector<std::pair<std::string, std::string>> texts = {};      // further fields
  std::string advice = {};  // the remedy, for the operator's screen; not in the line
};

// The line for an event, newline included; names as printable() has them.
std::string to_json_line(const Event& event, std::int64_t realtime_ns, std::string_view version);

// What a line says about the journal behind it.
struct LoggedDelivery {
  std::string relay;       // the first half of the relay's token; "" for no line at all
  std::uint64_t id = 0;    // of the delivery
  bool has_other = false;  // a line of another relay than `own`: there was another journal
};

class AuditLog {
 public:
  // Opens or creates it. `limit` in bytes.
  Status open(const std::string& path, std::uint64_t limit);
  // The same path again: after somebody else's rotation, or a new file system under it.
  Status reopen() { return open_file(); }
  // Keeps the line in memory until the next flush.
  void append(const Event& event, std::int64_t realtime_ns);
  // Writes and flushes what was appended. After a failure the lines are kept for the next try, and no part
  // of them stays in the file, unless another program may have appended behind them.
  Status flush(std::int64_t realtime_ns);
  // The chain goes on from this line when the log itself has none, or an earlier one, as its last.
  void follow(const LogHead& head);

  // Whether a line of this relay with the field "id" of this value is in the file at `from` or behind it;
  // anywhere, when the file is shorter than that because it has been rotated since. Each relay has ids of its
  // own, and several may have one log. The line of a conflict of names does not count: a loss of power may
  // have left it without that of its delivery, which is behind it.
  bool has(std::string_view relay, std::uint64_t id, std::uint64_t from) const;

  // Whether a line in the last 8 MiB reports this list of ours.
  bool has_list(std::string_view stream, std::uint64_t number) const;

  // From the last 8 MiB: the last delivery from this inbox by any relay, or the last start or report about
  // its journal of the relay `own`, whichever is later, with the highest id near it; of the part that was
  // rotated last when the log has none.
  LoggedDelivery last_delivery(const std::string& inbox, std::string_view own) const;

  bool is_open() const { return static_cast<bool>(fd_); }
  const std::string& path() const { return path_; }
  // The chain of the last line that is durable.
  const LogHead& head() const { return head_; }
  // Bytes in the file.
  std::uint64_t size() const { return size_; }
  // Bytes of lines waiting.
  std::size_t waiting() const { return buffer_.size(); }

 private:
  // Whether a line in the file at `from` or behind it has all of these fields, and not `unless`.
  bool has_line(std::span<const std::string> fields, std::uint64_t from, std::string_view unless = {}) const;
  // `mode` is that of a new file.
  Status open_file(unsigned mode = kOwnFileMode);
  Status rotate(std::int64_t realtime_ns);
  // The file that the path leads to, with the lock on it, and what others have appended to it. Released with
  // the descriptor or by unlock().
  Status lock();
  void unlock();
  // Ends the last line where it is torn. With the lock: another relay may be in the middle of a line.
  Status close_off();
  Status write(const std::string& lines);
  // From the file, or from what was rotated from it.
  Status read_head();

  std::string path_;
  std::uint64_t limit_ = 0;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  bool is_name_durable_ = false;  // not before a line has to be
  LogHead head_;
  bool is_head_read_ = false;  // from what the file holds now
  bool is_locked_ = false;
  std::string buffer_;  // lines without a chain: what they follow is known when they are written
};

}  // namespace paxect::link
