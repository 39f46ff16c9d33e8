// The command line of `paxect`, as the user typed it; nothing is looked up or opened here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "status.h"

namespace paxect::host {

enum class Command { kHelp, kVersion, kRun, kCheck, kPlugins, kSection };

// --set SECTION.KEY=VALUE
struct Override {
  std::string section;
  std::string key;
  std::string value;
};

struct CommandLine {
  Command command = Command::kHelp;
  std::optional<std::string> config_path;
  std::optional<std::string> plugin_directory;  // absolute
  std::vector<Override> overrides;              // in the order given; the last for a key wins
  bool once = false;
  bool verbose = false;
  // With kSection: whose plugin is asked, and its command with arguments; nothing for a list of commands.
  std::string section;
  std::vector<std::string> words;
};

// `arguments` without the program's name. A failure has status 64.
Status parse_command_line(const std::vector<std::string>& arguments, CommandLine* out);

// What --help prints.
std::string help_text();

}  // namespace paxect::host
