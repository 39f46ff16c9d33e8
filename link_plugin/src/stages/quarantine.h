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

  // Moves the file of this identity, and its sidecar after it if it is a container that has one, durably; the
  // reason is there before the file. `*moved_to` receives its new name. kChanged when another file has its
  // name already (`returned` as in removal.h).
  Status put(const Directory& from, const std::string& name, const FileIdentity& identity,
             const QuarantineReason& reason, std::string* moved_to, std::vector<std::string>* returned) const;

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
