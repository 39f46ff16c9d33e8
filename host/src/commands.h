// What `paxect run`, `check` and `plugins` do, from the parsed command line to the exit status.
#pragma once

#include <ostream>

#include "command_line.h"
#include "settings.h"

namespace paxect::host {

// Each reports failures on standard error, writes what was asked for to `output` (standard output) and
// returns the exit status.

// Requires: SIGTERM, SIGINT and SIGHUP are blocked.
int run_command(const CommandLine& command_line, const Environment& environment);
int check_command(const CommandLine& command_line, const Environment& environment, std::ostream& output);
int plugins_command(const CommandLine& command_line, const Environment& environment, std::ostream& output);

}  // namespace paxect::host
