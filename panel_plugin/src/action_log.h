// The record of what was done by way of the page, and by whom: one JSON object for each line.
//
// It is a file of the panel's own. The audit log of a relay is a chain that its relay alone writes; a line of
// another program in it would be reported as inserted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "status.h"
#include "unique_fd.h"

namespace paxect::panel {

struct Action {
  std::string who;
  std::string section;
  std::string name;                // "retry"
  std::vector<std::string> words;  // what it is about
};

class ActionLog {
 public:
  // Opens the file, or opens it again after a rotation. After a failure the one from before stays in use.
  Status open(const std::string& path);
  // Appends a line and flushes it. `outcome` is "requested", or how the action ended.
  Status write(std::int64_t utc_ns, const Action& action, const std::string& outcome);

 private:
  UniqueFd file_;
};

}  // namespace paxect::panel
