// What the operator gives up of a stream, with the reason: the command write_off leaves it in a file for the
// relay, which alone writes journal and log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "records/received_stream.h"

namespace paxect::link {

// It names what the command has shown: what is missing later is none of it, however often it is taken.
struct WriteOff {
  StreamAddress address;  // node and key are "" for a stream of this node, key for one of which no list came
  EntryRanges entries;
  std::uint64_t last_list = 0;  // and the lists at the end of the stream up to this one; 0: none
  std::string reason;

  bool operator==(const WriteOff&) const = default;
};

// One line of 1 to 512 bytes without control characters.
bool is_write_off_reason(std::string_view text);

// The file: lines "NODE KEY STREAM LIST FIRST-LAST,... REASON", with "-" for no node, no key and no entries.
std::string write_off_of(std::string_view state);
// As those in request_file.h: all or none of them. `state` is that of the relay. Lines of another form are
// left out.
Status add_write_offs(const std::string& state, const std::vector<WriteOff>& all);
Status take_write_offs(const std::string& state, std::vector<WriteOff>* out);
Status finish_write_offs(const std::string& state);

}  // namespace paxect::link
