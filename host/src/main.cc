// The entry point of `paxect`: a sane process, then the command.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "command_line.h"
#include "commands.h"
#include "log.h"
#include "section_command.h"
#include "settings.h"

namespace paxect::host {
namespace {

// A program started without standard descriptors would give their numbers to the first files that it opens,
// and write its messages into them.
void open_standard_descriptors() {
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) close(fd);
}

int dispatch(const CommandLine& command_line) {
  switch (command_line.command) {
    case Command::kHelp:
      std::cout << help_text();
      break;
    case Command::kVersion:
      std::cout << "paxect " PAXECT_VERSION " (plugin ABI " << PAXECT_PLUGIN_ABI_MAJOR << "."
                << PAXECT_PLUGIN_ABI_MINOR << ")\n";
      break;
    case Command::kRun:
      return run_command(command_line, read_environment(environ));
    case Command::kCheck:
      return check_command(command_line, read_environment(environ));
    case Command::kPlugins:
      return plugins_command(command_line, read_environment(environ));
    case Command::kSection:
      return section_command(command_line, read_environment(environ));
  }
  return PAXECT_PLUGIN_OK;
}

int main_checked(int argc, char** argv) {
  CommandLine command_line;
  Status status = parse_command_line({argv + (argc > 0 ? 1 : 0), argv + argc}, &command_line);
  if (!status.ok()) {
    Log(false).write(status.message());
    return status.code();
  }
  int code = dispatch(command_line);
  std::cout.flush();
  if (!std::cout && code == PAXECT_PLUGIN_OK) {
    Log(false).write("standard output cannot be written");
    return PAXECT_PLUGIN_INTERNAL;
  }
  return code;
}

}  // namespace
}  // namespace paxect::host

int main(int argc, char** argv) {
  paxect::host::open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not be that large is a failed write, not our end
  try {
    return paxect::host::main_checked(argc, argv);
  } catch (const std::exception& exception) {
    paxect::host::Log(false).write(std::string("internal error: ") + exception.what());
  }
  return PAXECT_PLUGIN_INTERNAL;
}
