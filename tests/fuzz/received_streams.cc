// Reads any bytes as a journal with records of received streams. What it makes of them is written again in a
// form that means the same, and every answer about it holds together.
#include "fuzz.h"
#include "journal_lines.h"
#include "records/journal_format.h"

namespace paxect::fuzz {
namespace {

void check_stream(const link::ReceivedStream& stream) {
  std::uint64_t next = 1;
  for (const link::OutcomeRange& range : stream.outcomes(1000, 10)) {
    FUZZ_REQUIRE(range.first <= range.last);
    next = range.last;
  }
  FUZZ_REQUIRE(next != 0);
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const std::string_view text = paxect::fuzz::view(data, size);
  link::JournalContents contents = link::parse_journal(paxect::fuzz::journal_of_records(text));
  for (const link::ReceivedStream& stream : contents.received.streams()) {
    paxect::fuzz::check_stream(stream);
    for (const auto& [number, entry] : stream.entries) {
      const auto open = contents.received.find_open(entry.digest, entry.name);
      if (open) FUZZ_REQUIRE(contents.received.entry(*open)->intent == 0);
    }
  }
  const link::JournalContents again = link::parse_journal(link::journal_text(contents));
  FUZZ_REQUIRE(again.received.records() == contents.received.records());
  return 0;
}
