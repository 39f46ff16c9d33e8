// The contents of the quarantine: files, each with its reason and perhaps a sidecar beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/filesystem.h"

namespace paxect::link {

struct QuarantineItem {
  std::string name;
  std::uint64_t size = 0;
  bool has_sidecar = false;
  bool has_reason = false;  // one that can be read; what follows is "" without
  std::string event, reason, detail, first_utc, last_utc;
  std::string source;  // the path that it had
  std::uint64_t attempts = 0;
};

// All of them by name. A quarantine that is not there is empty.
Status list_quarantine(const std::string& path, std::vector<QuarantineItem>* items);

}  // namespace paxect::link
