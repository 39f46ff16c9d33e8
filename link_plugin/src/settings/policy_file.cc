#include "settings/policy_file.h"

#include <sys/stat.h>

#include <tuple>

namespace paxect::link {
namespace {

std::optional<FileIdentity> find(const std::string& path) {
  FileIdentity identity;
  return identity_of(path, &identity) ? std::optional(identity) : std::nullopt;
}

// The default is no substitute for a policy on a disk that is not mounted now.
bool is_dangling_link(const std::string& path) {
  struct stat link {};
  return lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
}

}  // namespace

PolicyReading PolicyFile::read() {
  PolicyReading reading;
  std::string text;
  FileIdentity identity;
  Status status = read_file(path_, kPolicyLimit, &text, &identity);
  seen_ = status.ok() ? std::optional(identity) : find(path_);
  if (status.fault == Fault::kGone && is_dangling_link(path_)) {
    reading.unreadable = path_ + " is a symbolic link to nothing: bring back the policy that it leads to";
    return reading;
  }
  if (status.fault == Fault::kGone) {
    reading.missing = status.message;
    text = default_policy_text(node_);
  } else if (!status.ok()) {
    reading.unreadable = status.message;
    return reading;
  }
  std::ignore = parse_policy(text, path_, &reading.policy, &reading.warnings, &reading.faults);
  return reading;
}

bool PolicyFile::has_changed() const { return find(path_) != seen_; }

Status PolicyFile::write_default() {
  Status status = replace_file(path_, default_policy_text(node_));
  seen_ = find(path_);
  return status;
}

}  // namespace paxect::link
