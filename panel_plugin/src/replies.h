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
// {"total": N, "offset": N, "items": [...]} of an object with the array "items".
Response list_reply(const CommandEnd& end, const Range& range);

}  // namespace paxect::panel
