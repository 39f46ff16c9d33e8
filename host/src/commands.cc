#include "commands.h"

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "control_loop.h"
#include "log.h"
#include "plugin_directory.h"
#include "plugin_instance.h"
#include "plugin_loader.h"
#include "stop_request.h"

namespace paxect::host {
namespace {

using Instances = std::vector<std::unique_ptr<PluginInstance>>;

// Loads the plugin of every section. All failures are told; the result is the first.
Status load_instances(const Configuration& configuration, const RunContext& run, Instances* out) {
  if (configuration.instances.empty())
    return config_error(configuration.file + ": no section to run: write [link], for instance");
  PluginDirectory directory;
  Status status = PluginDirectory::open(configuration.plugin_directory, &directory);
  if (!status.ok()) return status;
  Status first_failure;
  for (const InstanceSettings& settings : configuration.instances) {
    Plugin plugin;
    status = load_plugin(directory, settings.plugin(), &plugin);
    if (status.ok()) {
      out->push_back(std::make_unique<PluginInstance>(std::move(plugin), settings, run));
      continue;
    }
    run.log.write(settings.name(), PAXECT_LOG_ERROR, status.message());
    if (first_failure.ok()) first_failure = Status(status.code(), {});
  }
  return first_failure;
}

// Everything up to instances that are ready to create. A failure is told already.
Status prepare(const CommandLine& command_line, const Environment& environment, const RunContext& run,
               Instances* out) {
  Configuration configuration;
  Status status = read_configuration(command_line, environment, &configuration);
  if (status.ok()) status = load_instances(configuration, run, out);
  if (!status.ok() && !status.message().empty()) run.log.write(status.message());
  return status;
}

Status check_instance(PluginInstance& instance) {
  Status status = instance.create();
  if (status.ok()) status = instance.init();
  Status destroyed = instance.destroy();
  return status.ok() ? destroyed : status;
}

}  // namespace

int run_command(const CommandLine& command_line, const Environment& environment) {
  Log log(command_line.verbose);
  StopRequest stop;
  RunContext run{log, stop, command_line.once};
  Instances instances;
  Status status = prepare(command_line, environment, run, &instances);
  if (!status.ok()) return status.code();
  return ControlLoop(std::move(instances), stop, run).run();
}

int check_command(const CommandLine& command_line, const Environment& environment) {
  Log log(command_line.verbose);
  StopRequest stop;
  RunContext run{log, stop, false};
  Instances instances;
  Status first_failure = prepare(command_line, environment, run, &instances);
  for (const std::unique_ptr<PluginInstance>& instance : instances) {
    Status status = check_instance(*instance);
    if (status.ok()) {
      std::cout << instance->name() << ": ok (plugin " << instance->plugin().name << " "
                << escape(instance->plugin().descriptor->version) << ")\n";
      continue;
    }
    instance->report(status);
    if (first_failure.ok()) first_failure = status;
  }
  return first_failure.code();
}

int plugins_command(const CommandLine& command_line, const Environment& environment) {
  Log log(command_line.verbose);
  Configuration configuration;
  PluginDirectory directory;
  std::vector<std::string> names;
  Status status = read_configuration(command_line, environment, &configuration);
  if (status.ok()) status = PluginDirectory::open(configuration.plugin_directory, &directory);
  if (status.ok()) status = directory.list(&names);
  if (!status.ok()) {
    log.write(status.message());
    return status.code();
  }
  std::cout << "plugins in " << escape(directory.path()) << (names.empty() ? ": none" : ":") << "\n";
  for (const std::string& name : names) {
    Plugin plugin;
    status = load_plugin(directory, name, &plugin);
    std::cout << "  " << escape(name) << "  ";
    if (status.ok()) {
      const paxect_plugin_descriptor& descriptor = *plugin.descriptor;
      std::cout << escape(descriptor.version) << "  ABI " << descriptor.abi_major << "."
                << descriptor.abi_minor << "  " << escape(descriptor.summary) << "\n";
    } else {
      std::cout << "refused: " << escape(status.message()) << "\n";
    }
  }
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::host
