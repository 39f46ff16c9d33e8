// The line of a request for what is not waited for any more (write_off.h), with its LF and without it.
#pragma once

#include <string>
#include <string_view>

#include "records/write_off.h"

namespace paxect::link {

std::string write_off_line(const WriteOff& each);
// False for a line of another form.
bool parse_write_off(std::string_view line, WriteOff* out);

}  // namespace paxect::link
