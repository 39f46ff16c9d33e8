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
#include "protect/repair_copy.h"
#include "status.h"

namespace paxect::core {

// What a copy shows of where the container begins and ends in it.
struct CopyExtent {
  // The copy begins with the header and the first frame header, but for bytes that were inserted or removed
  // at one place of them.
  bool begins_whole = false;
  bool has_others = false;  // bytes before or behind the container
  bool has_an_end = false;  // its first bytes are at the copy's beginning, or its last ones at the copy's end

  // The copy is the container. What follows a container from the first byte on is remains of an older file. A
  // copy that has lost both ends may be a part of another container, and so may one with bytes before it.
  bool is_explained() const { return begins_whole || (!has_others && has_an_end); }
};

// Checks copy `index`, whose bytes before the first window and behind the footer must not be another
// container's: at most 4096 of them may differ from zero, and none may look like part of a container. Bytes
// that were inserted or overwritten elsewhere are damage. `first_window`: the repaired bytes of window 0. A
// copy without records passes. Errors: NO_PROTECTION, and those of the reader; the message is without the
// name of the copy.
// `extent` is set when the copy has records and passes.
// `moved_cell`: the shift of the first cell that a search found, if there was one. Bytes that were inserted
// at several places before the first record moved that one by more than the beginning.
Status check_origin(const ProtectionMap& map, std::size_t index, RepairCopy& copy,
                    std::span<const std::uint8_t> first_window, CopyExtent& extent,
                    std::optional<std::int64_t> moved_cell = std::nullopt);

// Finds out from the records alone whether all copies are of one container. Errors: DAMAGED, with the message
// that names two that are not; what stopped `meter`. `names`: of the copies. Of a map whose build() failed,
// only the trailers are compared.
Status check_same_container(const ProtectionMap& map, std::span<const RepairCopy> copies,
                            std::span<const std::string> names, WorkMeter& meter);

}  // namespace paxect::core
