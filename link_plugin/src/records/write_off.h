// What the operator gives up of a stream, with the reason: the command write_off leaves it in a file for the
// relay, which alone writes journal and log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace paxect::link {

struct WriteOff {
  std::string stream;
  std::string reason;

  bool operator==(const WriteOff&) const = default;
};

// One line of 1 to 512 bytes without control characters.
bool is_write_off_reason(std::string_view text);

// The file: lines "STREAM REASON".
std::string write_off_of(std::string_view state);
// As those in request_file.h. `state` is that of the relay. Lines of another form are left out.
Status add_write_off(const std::string& state, const WriteOff& each);
Status take_write_offs(const std::string& state, std::vector<WriteOff>* out);
Status finish_write_offs(const std::string& state);

}  // namespace paxect::link
