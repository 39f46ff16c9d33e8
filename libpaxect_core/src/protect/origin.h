// Whether a damaged copy is the container that its records describe. A copy can hold that container among
// other bytes instead: as data of a container without protection, or before or behind another container. Then
// its repair would pass for that of the file. Values; nothing here writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "protect/protection_map.h"
#include "protect/window_repair.h"
#include "status.h"

namespace paxect::core {

// Checks copy `index`, whose bytes before the first window and behind the footer must not be another
// container's: at most 4096 of them may differ from zero, and none may look like part of a container. Bytes
// that were inserted or overwritten elsewhere are damage. `first_window`: the repaired bytes of window 0. A
// copy without records passes. Errors: NO_PROTECTION, and those of the reader; the message is without the
// name of the copy.
// `moved_cell`: the shift of the first cell that a search found, if there was one. Bytes that were inserted
// at several places before the first record moved that one by more than the beginning.
Status check_origin(const ProtectionMap& map, std::size_t index, RepairCopy& copy,
                    std::span<const std::uint8_t> first_window,
                    std::optional<std::int64_t> moved_cell = std::nullopt);

// Finds out from the records alone whether all copies are of one container. Errors: DAMAGED, with the message
// that names two that are not. `names`: of the copies.
Status check_same_container(const ProtectionMap& map, std::span<const RepairCopy> copies,
                            std::span<const std::string> names);

}  // namespace paxect::core
