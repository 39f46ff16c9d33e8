// Journals for the fuzz targets of their records.
#pragma once

#include <string>
#include <string_view>

#include "records/journal_line.h"

namespace paxect::fuzz {

// The text with the checksum of each line put right, so that the fuzzer gets past it.
inline std::string with_checksums(std::string_view text) {
  std::string lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string_view::npos;
       begin = end + 1)
    lines += link::JournalLine(text.substr(begin, end - begin)).finish();
  return lines;
}

// The same behind a header.
inline std::string journal_of_records(std::string_view text) {
  return link::JournalLine("journal").number(3).text("relay").number(0).number(0).finish() +
         with_checksums(text);
}

}  // namespace paxect::fuzz
