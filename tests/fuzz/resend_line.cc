// Reads any bytes as the lines by which the command resend asks a relay to send containers again. What is
// accepted is written as a line that reads as the same.
#include "records/resend_line.h"

#include "fuzz.h"
#include "proof/statement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  std::string_view text = paxect::fuzz::view(data, size);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    link::ResendRequest read;
    if (!link::parse_resend_line(line, &read)) continue;
    FUZZ_REQUIRE(link::is_stream(read.stream));
    FUZZ_REQUIRE(read.first >= 1 && read.last >= read.first && read.last <= link::kMaxNumber);
    const std::string again = link::resend_line(read);
    link::ResendRequest twice;
    FUZZ_REQUIRE(again.ends_with('\n') && again.find('\n') == again.size() - 1);
    FUZZ_REQUIRE(link::parse_resend_line(std::string_view(again).substr(0, again.size() - 1), &twice));
    FUZZ_REQUIRE(twice == read);
    // Of what an earlier version wrote, the line is another one.
    FUZZ_REQUIRE(again == std::string(line) + "\n" ||
                 again == std::string(line) + " " + std::to_string(read.first) + "\n");
  }
  return 0;
}
