// Finds the records of protection in a damaged copy, wherever they are. One thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protect/records.h"
#include "salvage/copy_reader.h"

namespace paxect::core {

struct FoundList {
  ListHeader header;
  std::uint64_t at = 0;  // in the copy
};
struct FoundTrailer {
  Trailer trailer;
  std::uint64_t at = 0;
};
struct Records {
  std::vector<FoundList> lists;  // by the number of their window
  std::vector<FoundTrailer> trailers;

  std::span<const FoundList> of_window(std::uint32_t number) const;
};

// Reads the copy once. After a failure, which the reader has, the result is incomplete.
Records scan_records(CopyReader& copy);

}  // namespace paxect::core
