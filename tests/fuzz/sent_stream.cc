// Reads any bytes as a journal with records of a sender's lists. What it makes of them is written again in a
// form that means the same.
#include "fuzz.h"
#include "journal_lines.h"
#include "records/journal_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const link::JournalContents contents =
      link::parse_journal(paxect::fuzz::journal_of_records(paxect::fuzz::view(data, size)));
  const link::SentStream& sent = contents.sent;
  for (const auto& [stream, ended] : sent.ended())
    for (const link::EntryRanges* ranges : {&sent.replaced(stream), &sent.forgone(stream)})
      for (const auto& [first, last] : *ranges) FUZZ_REQUIRE(first > 0 && first <= last);
  const link::JournalContents again = link::parse_journal(link::journal_text(contents));
  FUZZ_REQUIRE(again.sent.records() == sent.records());
  return 0;
}
