// Structures of core.h that cross the border, in both directions, between a caller and a library that may
// know different versions of them. struct_size is what the caller has.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "format.h"
#include "paxect/core.h"
#include "protect/window.h"

namespace paxect::core {

inline constexpr const char* kStructureTooSmall = "struct_size is smaller than the structure's first field";

// Whether a structure can be given to the caller in this one; to be asked before any work.
template <class Structure>
bool can_take_structure(const Structure* out) noexcept {
  return out != nullptr && out->struct_size >= sizeof out->struct_size;
}

// Fills the caller's structure: the fields that both know, and zeros where only the caller knows one.
template <class Structure>
paxect_status give_structure(const Structure& full, Structure* out) noexcept {
  constexpr std::size_t kBegin = sizeof full.struct_size;
  if (!can_take_structure(out)) return PAXECT_ERROR_ARGUMENT;
  auto* to = reinterpret_cast<std::byte*>(out);
  std::size_t known = std::min(out->struct_size, sizeof full);
  std::memcpy(to + kBegin, reinterpret_cast<const std::byte*>(&full) + kBegin, known - kBegin);
  std::memset(to + known, 0, out->struct_size - known);
  return PAXECT_OK;
}

// Takes the caller's structure: fields that only the library knows become 0. False when it is smaller than
// `required`, or when a field that only the caller knows is used.
template <class Structure>
bool take_structure(const Structure& given, std::size_t required, Structure& out) noexcept {
  if (given.struct_size < required) return false;
  const auto* from = reinterpret_cast<const std::byte*>(&given);
  std::size_t known = std::min(given.struct_size, sizeof out);
  out = {};
  std::memcpy(&out, from, known);
  out.struct_size = sizeof out;
  return std::all_of(from + known, from + given.struct_size,
                     [](std::byte byte) { return byte == std::byte{}; });
}

// The first version of paxect_allocator.
inline constexpr std::size_t kAllocatorRequired =
    offsetof(paxect_allocator, release) + sizeof(paxect_allocator::release);

// A header that was not read or written yet gives zeros, its version included.
inline paxect_container_info describe(const Header& header, const Footer& footer,
                                      std::uint64_t container_size,
                                      const Protection& protection = {}) noexcept {
  paxect_container_info info{};
  info.version = header.frame_size == 0 ? 0 : kVersion;
  info.flags = header.flags;
  info.mapping = header.mapping;
  info.level = header.level;
  info.frame_size = header.frame_size;
  info.channels = header.channels;
  info.total_size = footer.total_size;
  info.total_frames = footer.total_frames;
  std::copy(footer.digest.begin(), footer.digest.end(), info.sha256);
  info.container_size = container_size;
  info.protection_size = protection.size;
  info.protection = protection.percent;
  return info;
}

}  // namespace paxect::core
