// Stores files that cannot be delivered, each with NAME.reason.json beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/blocks.h"
#include "base/filesystem.h"

namespace paxect::link {

struct QuarantineReason {
  std::string source;  // path it had in the inbox
  std::string event;
  std::string reason;
  std::string detail;
  unsigned attempts = 0;
  std::int64_t first_utc_ns = 0;
  std::int64_t last_utc_ns = 0;
};

class Quarantine {
 public:
  // Gives the directory, made if there never was one; a failure when it is not there now.
  using Open = std::function<Status(std::shared_ptr<const Directory>* out)>;

  // `stop` ends a copy to another file system.
  Quarantine(std::string path, Open open, Stop stop)
      : path_(std::move(path)), open_(std::move(open)), stop_(std::move(stop)) {}
  const std::string& path() const { return path_; }

  // A name that is free in the quarantine, for a file of this name.
  Status choose(const std::string& name, std::string* target) const;
  // Moves the file of this identity to the name `target`, and its sidecar after it if it is a container that
  // has one, durably; the reason is there before the file. Completes what an earlier call left. kChanged when
  // another file has its name in the inbox already, or `target` is another file (`returned` as in removal.h).
  Status put(const Directory& from, const std::string& name, const FileIdentity& identity,
             const QuarantineReason& reason, const std::string& target,
             std::vector<std::string>* returned) const;
  // Whether a file of this size has the name already.
  Status has(const std::string& target, std::uint64_t size, bool* found) const;
  // Removes the reason of a file that did not get there.
  void remove_reason(const std::string& target) const;

  // Files that have a reason beside them. Reads the directory only when it has changed since the last call.
  std::uint64_t count();

 private:
  std::string path_;
  Open open_;
  Stop stop_;
  FileIdentity counted_at_;
  std::uint64_t count_ = 0;
};

std::string to_json(const QuarantineReason& reason);

}  // namespace paxect::link
