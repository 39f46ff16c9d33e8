// Tries on a real directory what the guarantees of the relay depend on. Nothing is concluded from the type of
// the file system: each operation is carried out, and its result is checked.
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
    kPartly,  // for some files, or only as long as producers are fast enough
    kFails,
    kNote  // worth knowing, but no guarantee depends on it
  };
  std::string what;  // "rename without replace"
  Verdict verdict = Verdict::kNote;
  std::string found;   // what was measured
  std::string effect;  // the guarantee that holds, or what happens instead
};

struct ProbeNeeds {
  std::uint64_t settle_ns = 0;      // the time between two observations of a file
  std::uint64_t largest_bytes = 0;  // of one file
  std::uint64_t largest_container_bytes = 0;
};

// Works in a new hidden directory in `path` and removes it. A failure is that the directory cannot be used at
// all.
Status probe_mount(const std::string& path, const ProbeNeeds& needs, std::vector<Finding>* findings);

}  // namespace paxect::link
