// How the relay would know in a directory that a file is complete.
#pragma once

#include <cstdint>

#include "commands/probe_directory.h"

namespace paxect::link {

// Tries, with the relay's own functions, which of the proofs of base/completeness.h holds here, and for whose
// files.
Finding probe_completeness(const ProbeDirectory& place, std::uint64_t settle_ns);

}  // namespace paxect::link
