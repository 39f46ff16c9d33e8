// Descriptors 0, 1 and 2 of a process that was started without some of them.
#pragma once

namespace paxect::host {

// Opens each that is closed such that reading and writing it fail. Otherwise the first files that the process
// opens would take these numbers, and receive its messages. Returns false when there is no descriptor left.
bool open_standard_descriptors();

}  // namespace paxect::host
