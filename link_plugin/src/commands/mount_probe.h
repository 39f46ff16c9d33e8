// Tries on a real directory what the relay's promises rest on. Nothing is concluded from the type of the file
// system: each thing is done and looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

struct Finding {
  enum class Verdict {
    kHolds,
    kFails,
    kNote  // worth knowing, no promise hangs on it
  };
  std::string what;  // "rename without replace"
  Verdict verdict = Verdict::kNote;
  std::string found;   // what was measured
  std::string effect;  // which promise holds, or what happens instead
};

struct ProbeNeeds {
  std::uint64_t settle_ns = 0;      // how far apart two looks at a file are
  std::uint64_t largest_bytes = 0;  // of one file
  std::uint64_t largest_container_bytes = 0;
};

// Works in a new hidden directory in `path` and removes it. A failure is that the directory cannot be used at
// all.
Status probe_mount(const std::string& path, const ProbeNeeds& needs, std::vector<Finding>* findings);

}  // namespace paxect::link
