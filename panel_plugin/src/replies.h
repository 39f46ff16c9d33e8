// Responses made of what a command printed.
#pragma once

#include <cstddef>
#include <string>

#include "child.h"
#include "http_message.h"

namespace paxect::panel {

// Which part of a list to send.
struct Range {
  std::size_t offset = 0;
  std::size_t limit = 100;
  std::string filter{};  // items that have it in some text; "" for all
};

// {"status": EXIT, "message": STDERR, "result": OUTPUT}
Response command_reply(const CommandEnd& end);
// {"status": EXIT, "message": STDERR and STDOUT, "result": {}} of a command that prints text, not JSON.
Response text_reply(const CommandEnd& end);
// {"total": N, "offset": N, "rest": {...}, "items": [...]} of an object with the array `list`; `rest` is the
// object without it.
Response list_reply(const CommandEnd& end, const char* list, const Range& range);
// The path of the newest receipt of a node about a stream, in what `sent --json` printed; "" for none.
std::string receipt_in(const CommandEnd& end, const std::string& node, const std::string& stream);

}  // namespace paxect::panel
