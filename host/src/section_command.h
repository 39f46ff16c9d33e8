// `paxect SECTION [COMMAND [ARGUMENT]...]`: a command that the section's plugin offers, or the list of them.
#pragma once

#include <ostream>

#include "command_line.h"
#include "settings.h"

namespace paxect::host {

// Returns the exit status. What the command prints goes to `output`, failures go to standard error.
int section_command(const CommandLine& command_line, const Environment& environment, std::ostream& output);

}  // namespace paxect::host
