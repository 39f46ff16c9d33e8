// The entry point of `paxect`: sets up the process, then runs the command.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "command_line.h"
#include "commands.h"
#include "fd_output.h"
#include "log.h"
#include "resources.h"
#include "section_command.h"
#include "settings.h"
#include "signals.h"
#include "standard_descriptors.h"

namespace paxect::host {
namespace {

int dispatch(const CommandLine& command_line, std::ostream& output) {
  const Environment environment = read_environment(environ);
  switch (command_line.command) {
    case Command::kHelp:
      output << help_text();
      break;
    case Command::kVersion:
      output << "paxect " PAXECT_VERSION " (plugin ABI " << PAXECT_PLUGIN_ABI_MAJOR << "."
             << PAXECT_PLUGIN_ABI_MINOR << ")\n";
      break;
    case Command::kRun:
      return run_command(command_line, environment);
    case Command::kCheck:
      return check_command(command_line, environment, output);
    case Command::kPlugins:
      return plugins_command(command_line, environment, output);
    case Command::kSection:
      return section_command(command_line, environment, output);
  }
  return PAXECT_PLUGIN_OK;
}

int main_checked(int argc, char** argv, const BlockedSignals& signals) {
  CommandLine command_line;
  Status status = parse_command_line({argv + (argc > 0 ? 1 : 0), argv + argc}, &command_line);
  if (!status.ok()) {
    Log(false).write(status);
    return status.code();
  }
  // Only `run` reads signals; they end the other commands, as they do any program.
  if (command_line.command != Command::kRun) signals.restore();
  FdOutput output(STDOUT_FILENO);
  int code = dispatch(command_line, output);
  output.flush();
  if (output.error() == 0) return code;
  Log(false).write("standard output: " + std::generic_category().message(output.error()));
  // A result that nobody can read is no result.
  return code == PAXECT_PLUGIN_OK || code == PAXECT_PLUGIN_INCOMPLETE ? PAXECT_PLUGIN_INTERNAL : code;
}

}  // namespace
}  // namespace paxect::host

int main(int argc, char** argv) {
  using namespace paxect::host;
  BlockedSignals signals;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the size limit then fails instead of ending the process
  if (!open_standard_descriptors()) return PAXECT_PLUGIN_INTERNAL;
  try {
    return main_checked(argc, argv, signals);
  } catch (const std::system_error& error) {
    Log(false).write(resource_error("cannot begin", error.code().value()));
  } catch (const std::bad_alloc&) {
    Log(false).write("out of memory");
  } catch (const std::exception& exception) {
    Log(false).write(std::string("internal error: ") + exception.what());
  }
  return PAXECT_PLUGIN_INTERNAL;
}
