// `paxect SECTION [COMMAND [ARGUMENT]...]`: a command that the section's plugin offers, or the list of them.
#pragma once

#include "command_line.h"
#include "settings.h"

namespace paxect::host {

// Gives the exit status. What the command prints goes to std::cout.
int section_command(const CommandLine& command_line, const Environment& environment);

}  // namespace paxect::host
