// Reads any bytes as the lines by which commands ask a relay not to wait any more. What is accepted is
// written as a line that reads as the same, of the same stream, and names no entry 0.
#include "records/write_off_line.h"

#include "fuzz.h"
#include "proof/statement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  std::string_view text = paxect::fuzz::view(data, size);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    link::WriteOff read;
    if (!link::parse_write_off(line, &read)) continue;
    FUZZ_REQUIRE(link::is_stream(read.address.stream) && link::is_write_off_reason(read.reason));
    FUZZ_REQUIRE(read.address.key.empty() || !read.address.node.empty());
    std::uint64_t next = 1;
    for (const auto& [first, last] : read.entries) {
      FUZZ_REQUIRE(first >= next && last >= first && last < UINT64_MAX);
      next = last + 1;
    }
    const std::string again = link::write_off_line(read);
    link::WriteOff twice;
    FUZZ_REQUIRE(again.ends_with('\n') && again.find('\n') == again.size() - 1);
    FUZZ_REQUIRE(link::parse_write_off(std::string_view(again).substr(0, again.size() - 1), &twice));
    FUZZ_REQUIRE(twice == read);
  }
  return 0;
}
