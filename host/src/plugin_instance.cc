#include "plugin_instance.h"

#include <optional>
#include <utility>

#include "guard.h"
#include "plugin_extension.h"
#include "unread_variables.h"

namespace paxect::host {
namespace {

std::string fault_of(const paxect_step& step) {
  if (step.state != PAXECT_STEP_AGAIN && step.state != PAXECT_STEP_WAIT && step.state != PAXECT_STEP_DONE)
    return "step returned the unknown state " + std::to_string(step.state);
  if (step.state == PAXECT_STEP_DONE && step.outcome != PAXECT_PLUGIN_OK &&
      step.outcome != PAXECT_PLUGIN_INCOMPLETE)
    return "step returned the unknown outcome " + std::to_string(step.outcome);
  if (step.state == PAXECT_STEP_WAIT && step.watch_count > PAXECT_PLUGIN_WATCHES_MAX)
    return "step returned " + std::to_string(step.watch_count) + " watches, more than " +
           std::to_string(PAXECT_PLUGIN_WATCHES_MAX);
  if (step.state == PAXECT_STEP_WAIT && step.watch_count > 0 && step.watches == nullptr)
    return "step counted watches but returned none";
  return {};
}

}  // namespace

PluginInstance::PluginInstance(Plugin plugin, InstanceSettings settings, const RunContext& run)
    : plugin_(std::move(plugin)), services_(run, std::move(settings)) {}

template <typename Call>
Status PluginInstance::call(const char* what, Call&& function) {
  paxect_plugin_status status = PAXECT_PLUGIN_OK;
  heartbeat().beat();
  std::optional<std::string> exception = guarded([&] { status = function(); });
  if (exception) return internal_error(std::string(what) + " " + *exception);
  return status == PAXECT_PLUGIN_OK ? Status() : failure(what, status);
}

Status PluginInstance::failure(const char* what, paxect_plugin_status status) const {
  std::string text;
  std::optional<std::string> exception = guarded([&] {
    const char* error = instance_ == nullptr ? nullptr : plugin_.descriptor->error(instance_);
    if (error != nullptr) text = error;
  });
  if (exception) text = "error " + *exception;
  if (text.empty()) text = std::string(what) + " failed without a reason";
  if (is_failure_status(status)) return {status, text};
  return internal_error(text + " (" + what + " returned the unknown status " + std::to_string(status) + ")");
}

Status PluginInstance::create() {
  Status status = call("create", [&] { return plugin_.descriptor->create(services_.host(), &instance_); });
  // A failed create has no instance, whatever it stored.
  if (!status.ok()) instance_ = nullptr;
  if (status.ok() && instance_ == nullptr) return internal_error("create returned no instance");
  return status;
}

Status PluginInstance::init() {
  return call("init", [&] { return plugin_.descriptor->init(instance_); });
}

Status PluginInstance::start() {
  return call("start", [&] { return plugin_.descriptor->start(instance_); });
}

Status PluginInstance::step(paxect_step* result) {
  *result = {};
  result->struct_size = sizeof *result;
  Status status = call("step", [&] { return plugin_.descriptor->step(instance_, result); });
  if (!status.ok()) return status;
  std::string fault = fault_of(*result);
  return fault.empty() ? Status() : internal_error(fault);
}

Status PluginInstance::reload(bool* offered) {
  const paxect_reload_extension* extension = nullptr;
  Status status = find_extension(plugin_, PAXECT_EXTENSION_RELOAD, &extension);
  *offered = extension != nullptr;
  if (!status.ok() || !*offered) return status;
  if (extension->reload == nullptr)
    return internal_error("plugin " + plugin_.name +
                          ": extension " PAXECT_EXTENSION_RELOAD " lacks a function");
  return call("reload", [&] { return extension->reload(instance_); });
}

Status PluginInstance::stop() {
  return call("stop", [&] {
    plugin_.descriptor->stop(instance_);
    return PAXECT_PLUGIN_OK;
  });
}

Status PluginInstance::destroy() {
  if (instance_ == nullptr) return {};
  return call("destroy", [&] {
    plugin_.descriptor->destroy(std::exchange(instance_, nullptr));
    return PAXECT_PLUGIN_OK;
  });
}

void PluginInstance::report(const Status& failure) const {
  services_.run().log.write(name(), PAXECT_LOG_ERROR, failure.message());
}

void PluginInstance::report_unread_variables() const {
  std::set<std::string> keys = services_.keys_read();
  keys.insert("plugin");  // the host's own key
  for (const std::string& warning : unread_variable_warnings(services_.settings(), keys))
    services_.run().log.write(name(), PAXECT_LOG_WARN, warning);
}

}  // namespace paxect::host
