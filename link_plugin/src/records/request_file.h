// What the commands ask the relay for, which alone writes journal and log: lines in a file beside its state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace paxect::link {

// Adds lines, each with its LF, durably. Several processes may do so at a time. Fails where the file would
// get larger than 4 MiB, and leaves it as it was.
Status add_requests(const std::string& path, std::string_view lines);
// The lines that were added until now, without their LF; none where there is no file. Those that are added
// later are not among them, also where the process dies before finish_requests(): then they are taken again.
Status take_requests(const std::string& path, std::vector<std::string>* lines);
// What was taken is done.
Status finish_requests(const std::string& path);

}  // namespace paxect::link
