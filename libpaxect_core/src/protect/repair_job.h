// A repair into a file, which appears under its name only after the container was proven. A pipe, a device or
// an open descriptor gets nothing before that either: the repair runs twice for it, the first time without
// writing.
#pragma once

#include <string>

#include "callbacks.h"
#include "protect/repairer.h"

namespace paxect::core {

// `callbacks.sink` is not used. The status is the repairer's, or that of the file.
Status repair_to_file(Repairer& repairer, const Parameters& parameters, const Callbacks& callbacks,
                      const std::string& output);

}  // namespace paxect::core
