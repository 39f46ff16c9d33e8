// Lists of a sender, and what a receiver knows of them, for tests of ReceivedStreams.
#pragma once

#include <cstdint>
#include <string>

#include "proof/list.h"
#include "records/received_streams.h"

namespace paxect::link {

inline const StreamAddress kNorth = {"north", std::string(80, 'a'), "3f9a6c2e11d04b77"};
inline constexpr std::uint64_t kMaxJump = 10000;

std::string digest_of(std::uint64_t entry);
std::string name_of_entry(std::uint64_t entry);
std::string digest_of(const List& each);

// List `number` of kNorth, which has put `each` entries into each list.
List list_of_north(std::uint64_t number, std::uint64_t each = 2);

// Takes records as a journal that is read does.
void change(ReceivedStreams* streams, const std::string& records);
// Takes a list at time 2000, whatever judge() says of it.
void add_list(ReceivedStreams* streams, const StreamAddress& address, const List& each);
// The open entry of that number. Requires: there is one.
EntryRef open_entry(const ReceivedStreams& streams, std::uint64_t entry);
// As it is after its records were written and read again.
ReceivedStreams rewritten(const ReceivedStreams& streams);

}  // namespace paxect::link
