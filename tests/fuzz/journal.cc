// Reads any bytes as a whole journal: intents, places, sources, the lists of a sender and those of its peers.
// Written again it reads as the same, and no entry in it is in use by an intent that does not exist.
#include <algorithm>
#include <set>
#include <vector>

#include "fuzz.h"
#include "journal_lines.h"
#include "records/journal_format.h"

namespace paxect::fuzz {
namespace {

// What the journal remembers of sources is in no order.
std::vector<std::string_view> sorted_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string_view::npos;
       begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  std::sort(lines.begin(), lines.end());
  return lines;
}

void check(std::string_view text) {
  const link::JournalContents read = link::parse_journal(text);
  FUZZ_REQUIRE(read.valid <= text.size());
  const std::string once = link::journal_text(read);
  const link::JournalContents again = link::parse_journal(once);
  FUZZ_REQUIRE(again.valid == once.size());
  // Without a relay it is no journal of ours, and is written as one that was lost.
  FUZZ_REQUIRE(again.damage.empty() != read.relay_token.empty());
  const std::string twice = link::journal_text(again);
  FUZZ_REQUIRE(sorted_lines(twice) == sorted_lines(once));
  FUZZ_REQUIRE(again.received.records() == read.received.records());
  FUZZ_REQUIRE(again.sent.records() == read.sent.records());
  std::set<std::uint64_t> intents;
  for (const link::Intent& intent : read.intents) intents.insert(intent.id);
  for (const link::ReceivedStream& stream : read.received.streams())
    for (const auto& [number, entry] : stream.entries)
      FUZZ_REQUIRE(entry.intent == 0 || intents.contains(entry.intent));
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = paxect::fuzz::view(data, size);
  paxect::fuzz::check(text);
  paxect::fuzz::check(paxect::fuzz::with_checksums(text));
  return 0;
}
