#include "commands.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "claims.h"
#include "control_loop.h"
#include "heartbeat.h"
#include "log.h"
#include "plugin_directory.h"
#include "plugin_instance.h"
#include "plugin_loader.h"
#include "resources.h"
#include "sections.h"
#include "signals.h"
#include "stop_reminder.h"
#include "stop_request.h"
#include "unread_variables.h"

namespace paxect::host {
namespace {

using Instances = std::vector<std::unique_ptr<PluginInstance>>;

// What is being loaded, for a message while the load hangs. Any thread.
class Activity {
 public:
  void set(std::string what) {
    std::lock_guard lock(mutex_);
    what_ = std::move(what);
  }
  std::string get() const {
    std::lock_guard lock(mutex_);
    return what_;
  }

 private:
  mutable std::mutex mutex_;
  std::string what_ = "the configuration";
};

// Loads the plugin of every section, up to a request to stop. All failures are reported, the result is the
// first.
Status load_instances(const Configuration& configuration, const RunContext& run, Activity* activity,
                      Instances* out) {
  if (configuration.instances.empty())
    return config_error(configuration.file + ": no section to run: write [link], for instance");
  PluginDirectory directory;
  Status status = PluginDirectory::open(configuration.plugin_directory, &directory);
  if (!status.ok()) return status;
  Status first_failure;
  for (const InstanceSettings& settings : configuration.instances) {
    if (run.stop.requested()) break;
    activity->set("[" + settings.name() + "] (loading plugin " + settings.plugin() + ")");
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

void report_unread_variables(const Configuration& configuration, const Log& log) {
  for (const std::string& warning : host_variable_warnings(configuration.foreign_variables))
    log.write(PAXECT_LOG_WARN, warning);
}

// Everything up to instances that are ready to create. A failure is already reported.
Status load(const CommandLine& command_line, const Environment& environment, const RunContext& run,
            Activity* activity, Sections* sections, Instances* out) {
  Configuration configuration;
  Status status = read_configuration(command_line, environment, &run.stop, &configuration);
  report_unread_variables(configuration, run.log);
  *sections = Sections(path_of_program(), command_line, configuration);
  if (status.ok()) status = load_instances(configuration, run, activity, out);
  if (!status.ok() && !status.message().empty() && !run.stop.requested()) run.log.write(status);
  return status;
}

// Does `work` on a thread of its own while this one reads signals, so that a second signal ends the process
// even if a pipe without a writer or a module's constructor blocks the work.
Status do_while_reading_signals(Signals& signals, const RunContext& run, const Activity& activity,
                                const std::function<Status()>& work) {
  UniqueFd finished = new_event();
  Status status;
  std::exception_ptr exception;
  std::jthread thread;
  try {
    thread = std::jthread([&] {
      try {
        status = work();
      } catch (...) {
        exception = std::current_exception();
      }
      eventfd_write(finished.get(), 1);
    });
  } catch (const std::system_error& error) {
    status = thread_error(error);
    run.log.write(status);
    return status;
  }
  std::array<pollfd, 2> polled{{{signals.fd(), POLLIN, 0}, {finished.get(), POLLIN, 0}}};
  StopReminder reminder;
  while (polled[1].revents == 0) {
    poll(polled.data(), polled.size(), reminder.timeout(monotonic_now_ns()));
    signals.read_pending([&] { return activity.get(); });
    if (!reminder.is_due(run.stop.requested(), monotonic_now_ns())) continue;
    try {
      run.log.write_if_ready(PAXECT_LOG_WARN,
                             "the stop waits for " + activity.get() + ": " + signals.remedy());
    } catch (const std::bad_alloc&) {  // A later reminder may have memory; signals must be read until then.
    }
  }
  thread.join();
  if (exception) std::rethrow_exception(exception);
  return status;
}

Status check_instance(PluginInstance& instance) {
  Status status = instance.create();
  if (status.ok()) status = instance.init();
  if (status.ok()) instance.report_unread_variables();
  Status destroyed = instance.destroy();
  return status.ok() ? destroyed : status;
}

}  // namespace

int run_command(const CommandLine& command_line, const Environment& environment) {
  Log log(command_line.verbose);
  StopRequest stop;
  Signals signals(stop, log);
  Claims claims;
  Sections sections;
  RunContext run{log, stop, command_line.once, nullptr, &claims, &sections};
  Activity activity;
  Instances instances;
  Status status = do_while_reading_signals(signals, run, activity, [&] {
    return load(command_line, environment, run, &activity, &sections, &instances);
  });
  if (stop.requested()) return command_line.once ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
  if (!status.ok()) return status.code();
  const std::size_t count = instances.size();
  try {
    return ControlLoop(std::move(instances), signals, stop, run).run();
  } catch (const std::system_error& error) {
    status = resource_error("cannot run " + std::to_string(count) + " sections", error.code().value());
    log.write(status);
    return status.code();
  }
}

int check_command(const CommandLine& command_line, const Environment& environment, std::ostream& output) {
  Log log(command_line.verbose);
  StopRequest stop;
  Claims claims;
  Sections sections;
  RunContext run{log, stop, false, nullptr, &claims, &sections};
  Activity activity;
  Instances instances;
  Status first_failure = load(command_line, environment, run, &activity, &sections, &instances);
  for (const std::unique_ptr<PluginInstance>& instance : instances) {
    Status status = check_instance(*instance);
    if (status.ok()) {
      output << instance->name() << ": ok (plugin " << instance->plugin().name << " "
             << escape(instance->plugin().descriptor->version) << ")\n";
      continue;
    }
    instance->report(status);
    if (first_failure.ok()) first_failure = status;
  }
  return first_failure.code();
}

int plugins_command(const CommandLine& command_line, const Environment& environment, std::ostream& output) {
  Log log(command_line.verbose);
  Configuration configuration;
  PluginDirectory directory;
  std::vector<std::string> names;
  Status status = read_configuration(command_line, environment, nullptr, &configuration);
  report_unread_variables(configuration, log);
  if (status.ok()) status = PluginDirectory::open(configuration.plugin_directory, &directory);
  if (status.ok()) status = directory.list(&names);
  if (!status.ok()) {
    log.write(status);
    return status.code();
  }
  output << "plugins in " << escape(directory.path()) << (names.empty() ? ": none" : ":") << "\n";
  for (const std::string& name : names) {
    Plugin plugin;
    status = load_plugin(directory, name, &plugin);
    output << "  " << escape(name) << "  ";
    if (status.ok()) {
      const paxect_plugin_descriptor& descriptor = *plugin.descriptor;
      output << escape(descriptor.version) << "  ABI " << descriptor.abi_major << "." << descriptor.abi_minor
             << "  " << escape(descriptor.summary) << "\n";
    } else {
      output << "refused: " << escape(status.message()) << "\n";
    }
  }
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::host
