// What `paxect run`, `check` and `plugins` do, from the parsed command line to the exit status.
#pragma once

#include "command_line.h"
#include "settings.h"

namespace paxect::host {

// Failures are told on standard error, lists go to standard output.
int run_command(const CommandLine& command_line, const Environment& environment);
int check_command(const CommandLine& command_line, const Environment& environment);
int plugins_command(const CommandLine& command_line, const Environment& environment);

}  // namespace paxect::host
