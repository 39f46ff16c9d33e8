#include "section_command.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "guard.h"
#include "host_services.h"
#include "log.h"
#include "names.h"
#include "plugin_directory.h"
#include "plugin_extension.h"
#include "plugin_loader.h"
#include "stop_request.h"

namespace paxect::host {
namespace {

struct CommandEntry {
  std::string name;
  std::string arguments;
  std::string summary;

  std::string synopsis() const { return arguments.empty() ? name : name + " " + escape(arguments); }
};

struct CommandSet {
  Plugin plugin;
  const paxect_commands_extension* extension = nullptr;
  std::vector<CommandEntry> entries;
};

Status find_section(const Configuration& configuration, const std::string& name,
                    const InstanceSettings** out) {
  std::string names;
  for (const InstanceSettings& settings : configuration.instances) {
    if (settings.name() == name) {
      *out = &settings;
      return {};
    }
    names += (names.empty() ? "" : ", ") + settings.name();
  }
  return usage_error("unknown command '" + name + "': use run, check, plugins or a section (" +
                     (names.empty() ? "none exists" : names) + "), or see paxect --help");
}

Status defect(const Plugin& plugin, const std::string& what) {
  return internal_error("plugin " + plugin.name + ": " PAXECT_EXTENSION_COMMANDS ": " + what);
}

std::string no_commands(const CommandSet& set) { return "plugin " + set.plugin.name + " offers no commands"; }

// Collects the commands that the plugin offers.
Status list_commands(CommandSet* set) {
  for (std::uint32_t index = 0; const paxect_command* command = set->extension->command_at(index); ++index) {
    if (command->struct_size < sizeof *command || command->name == nullptr || command->arguments == nullptr ||
        command->summary == nullptr || !is_instance_name(command->name))
      return defect(set->plugin, "command " + std::to_string(index) + " is malformed");
    set->entries.push_back({command->name, command->arguments, command->summary});
  }
  return {};
}

// A plugin without commands has no extension, and no entries.
Status load_commands(const Configuration& configuration, const InstanceSettings& settings, CommandSet* out) {
  PluginDirectory directory;
  Status status = PluginDirectory::open(configuration.plugin_directory, &directory);
  if (status.ok()) status = load_plugin(directory, settings.plugin(), &out->plugin);
  if (status.ok()) status = find_extension(out->plugin, PAXECT_EXTENSION_COMMANDS, &out->extension);
  if (!status.ok() || out->extension == nullptr) return status;
  if (out->extension->command_at == nullptr || out->extension->run == nullptr)
    return defect(out->plugin, "a function is missing");
  std::optional<std::string> exception = guarded([&] { status = list_commands(out); });
  return exception ? defect(out->plugin, *exception) : status;
}

void print_commands(const std::string& section, const CommandSet& set, std::ostream& output) {
  if (set.entries.empty()) {
    output << "paxect " << section << ": " << no_commands(set) << "\n";
    return;
  }
  std::size_t width = 0;
  for (const CommandEntry& entry : set.entries) width = std::max(width, entry.synopsis().size());
  output << "paxect " << section << " COMMAND [ARGUMENT]...: commands of plugin " << set.plugin.name
         << "\n\n";
  for (const CommandEntry& entry : set.entries) {
    std::string synopsis = entry.synopsis();
    output << "  " << synopsis << std::string(width - synopsis.size() + 2, ' ') << escape(entry.summary)
           << "\n";
  }
}

Status check_known(const CommandLine& command_line, const CommandSet& set) {
  if (set.entries.empty()) return usage_error(no_commands(set));
  std::string names;
  for (const CommandEntry& entry : set.entries) {
    if (entry.name == command_line.words.front()) return {};
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  return usage_error("unknown command '" + command_line.words.front() + "' of " + command_line.section +
                     ": use " + names + ", or see paxect " + command_line.section + " -h");
}

// Returns in *code the status of the command, which has reported its own failures. A failed Status is a
// defect.
Status call(const CommandSet& set, const HostServices& services, const std::vector<std::string>& words,
            int* code) {
  std::vector<const char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(word.c_str());
  arguments.push_back(nullptr);
  paxect_plugin_status status = PAXECT_PLUGIN_INTERNAL;
  std::optional<std::string> exception = guarded([&] {
    status = set.extension->run(services.host(), static_cast<std::int32_t>(words.size()), arguments.data());
  });
  if (exception) return internal_error(words.front() + " " + *exception);
  if (status != PAXECT_PLUGIN_OK && status != PAXECT_PLUGIN_INCOMPLETE && !is_failure_status(status))
    return internal_error(words.front() + " returned the unknown status " + std::to_string(status));
  *code = status;
  return {};
}

}  // namespace

int section_command(const CommandLine& command_line, const Environment& environment, std::ostream& output) {
  Log log(command_line.verbose);
  Configuration configuration;
  const InstanceSettings* settings = nullptr;
  CommandSet set;
  Status status = read_configuration(command_line, environment, nullptr, &configuration);
  if (status.ok()) status = find_section(configuration, command_line.section, &settings);
  if (status.ok()) status = load_commands(configuration, *settings, &set);
  if (status.ok() && command_line.words.empty()) {
    print_commands(command_line.section, set, output);
    return PAXECT_PLUGIN_OK;
  }
  if (status.ok()) status = check_known(command_line, set);
  if (!status.ok()) {
    log.write(status);
    return status.code();
  }
  StopRequest stop;
  HostServices services(RunContext{log, stop, false, &output}, *settings);
  int code = PAXECT_PLUGIN_OK;
  status = call(set, services, command_line.words, &code);
  if (status.ok()) return code;
  log.write(command_line.section, PAXECT_LOG_ERROR, status.message());
  return status.code();
}

}  // namespace paxect::host
