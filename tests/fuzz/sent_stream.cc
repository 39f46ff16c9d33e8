// Reads any bytes as a journal with records of a sender's lists. What it makes of them is written again in a
// form that means the same.
#include "fuzz.h"
#include "records/journal_format.h"

namespace paxect::fuzz {
namespace {

// The text with the checksum of each line put right, so that the fuzzer gets past it.
std::string checked(std::string_view text) {
  std::string lines = link::JournalLine("journal").number(3).text("relay").number(0).number(0).finish();
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string_view::npos;
       begin = end + 1)
    lines += link::JournalLine(text.substr(begin, end - begin)).finish();
  return lines;
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const link::JournalContents contents =
      link::parse_journal(paxect::fuzz::checked(paxect::fuzz::view(data, size)));
  const link::SentStream& sent = contents.sent;
  for (const auto& [stream, ended] : sent.ended())
    for (const link::EntryRanges* ranges : {&sent.replaced(stream), &sent.forgone(stream)})
      for (const auto& [first, last] : *ranges) FUZZ_REQUIRE(first > 0 && first <= last);
  const link::JournalContents again = link::parse_journal(link::journal_text(contents));
  FUZZ_REQUIRE(again.sent.records() == sent.records());
  return 0;
}
