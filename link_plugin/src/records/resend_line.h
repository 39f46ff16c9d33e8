// The line of a request to send containers again: "STREAM FIRST LAST", the entries of a stream of this node.
// The command resend leaves such lines in a file for the relay (request_file.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paxect::link {

struct ResendRequest {
  std::string stream;
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  bool operator==(const ResendRequest&) const = default;
};

// With its LF.
std::string resend_line(const ResendRequest& request);
// Without it. False for a line of another form. Without LAST, as earlier versions wrote it for one entry,
// LAST is FIRST.
bool parse_resend_line(std::string_view line, ResendRequest* out);

}  // namespace paxect::link
