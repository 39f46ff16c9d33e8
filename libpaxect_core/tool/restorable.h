// What repair restores of a protected container wherever it is lost, computed from the sizes of its frames.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "paxect/core.h"

namespace paxect::tool {

// Where an extension frame is.
struct ExtensionPlace {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
};

// The bytes of a piece that can be lost anywhere. nullopt when the extension frames are not those of a
// container with this protection.
std::optional<std::uint64_t> restorable_piece(const paxect_container_info& info,
                                              const std::vector<ExtensionPlace>& extensions);

}  // namespace paxect::tool
