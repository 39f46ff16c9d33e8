// Finds the records of protection in a damaged copy, wherever they are. One thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protect/records.h"
#include "salvage/copy_reader.h"

namespace paxect::core {

// A hostile file can have one in 64 bytes.
struct FoundList {
  ListHeader header;
  std::uint64_t at = 0;  // in the copy
};
static_assert(sizeof(FoundList) <= kListHeaderSize);
struct FoundTrailer {
  Trailer trailer;
  std::uint64_t at = 0;
};
struct Records {
  std::vector<FoundList> lists;        // by tag, number of the window and place
  std::vector<FoundTrailer> trailers;  // by tag and place

  std::span<const FoundList> of_window(const ProtectionTag& tag, std::uint32_t number) const;
  std::span<const FoundList> of_tag(const ProtectionTag& tag) const;
  std::span<const FoundTrailer> trailers_of_tag(const ProtectionTag& tag) const;
};

// Reads the copy once. After a failure, which the reader has, the result is incomplete.
Records scan_records(CopyReader& copy);

}  // namespace paxect::core
