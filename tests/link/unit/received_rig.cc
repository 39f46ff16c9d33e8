#include "received_rig.h"

#include "base/digest.h"
#include "records/journal_line.h"
#include "support/catch.h"

namespace paxect::link {

std::string digest_of(std::uint64_t entry) { return sha256_hex("container " + std::to_string(entry)); }
std::string name_of_entry(std::uint64_t entry) { return "f" + std::to_string(entry) + ".freq"; }
std::string digest_of(const List& each) { return sha256_hex(list_text(each)); }

List list_of_north(std::uint64_t number, std::uint64_t each) {
  List made;
  made.head.from = "north";
  made.head.stream = kNorth.stream;
  made.head.number = number;
  made.head.made = 1000;
  made.first = (number - 1) * each + 1;
  made.within = 600;
  for (std::uint64_t i = 0; i < each; ++i)
    made.entries.push_back({digest_of(made.first + i), name_of_entry(made.first + i)});
  if (number > 1) made.head.previous = sha256_hex(list_text(list_of_north(number - 1, each)));
  return made;
}

void change(ReceivedStreams* streams, const std::string& records) {
  for (std::size_t begin = 0, end = 0; (end = records.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    JournalWords words(checked_line(std::string_view(records).substr(begin, end - begin)));
    const std::string_view kind = words.next();
    CHECK(streams->take_record(kind, words));
  }
}

void add_list(ReceivedStreams* streams, const StreamAddress& address, const List& each) {
  change(streams, streams->list_records(address, each, digest_of(each), 2000));
}

EntryRef open_entry(const ReceivedStreams& streams, std::uint64_t entry) {
  const auto found = streams.find_open(digest_of(entry), name_of_entry(entry));
  REQUIRE(found);
  CHECK(found->number == entry);
  return *found;
}

ReceivedStreams rewritten(const ReceivedStreams& streams) {
  ReceivedStreams again;
  for (const std::string& line : streams.records()) change(&again, line);
  return again;
}

}  // namespace paxect::link
