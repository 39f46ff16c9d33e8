// What a file system does not take: sizes, names, and more than there is room for.
#pragma once

#include <cstdint>

#include "commands/probe_directory.h"

namespace paxect::link {

// Whether a file of `largest` bytes can exist. Writes nothing.
Finding probe_file_size(const ProbeDirectory& place, std::uint64_t largest);
Finding probe_case(const ProbeDirectory& place);
// Names that are refused, or changed.
Finding probe_names(const ProbeDirectory& place);
// Whether a file of `largest` bytes and its container fit, and a batch of small ones.
Finding probe_room(const ProbeDirectory& place, std::uint64_t largest);

}  // namespace paxect::link
