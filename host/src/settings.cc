#include "settings.h"

#include <algorithm>
#include <utility>

#include "names.h"

namespace paxect::host {
namespace {

constexpr const char* kHostSection = "host";
constexpr const char* kPluginKey = "plugin";
constexpr const char* kPluginDirectoryKey = "plugin_dir";
constexpr const char* kPluginDirectoryVariable = "PAXECT_PLUGIN_DIR";
constexpr std::string_view kVariablePrefix = "PAXECT_";

std::string prefix_of(const std::string& section) {
  return std::string(kVariablePrefix) + variable_part(section) + "_";
}

std::string place_in(const ConfigFile& file, unsigned line) { return file.path + ":" + std::to_string(line); }

}  // namespace

Environment read_environment(const char* const* variables) {
  Environment result;
  for (; *variables != nullptr; ++variables) {
    std::string_view entry = *variables;
    std::size_t equals = entry.find('=');
    if (!entry.starts_with(kVariablePrefix) || equals == std::string_view::npos) continue;
    if (equals + 1 < entry.size()) result.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return result;
}

const InstanceSettings::Value* InstanceSettings::find(std::string_view key) const {
  auto given = values_.find(key);
  bool is_given = given != values_.end();
  if (is_given && given->second.origin == PAXECT_ORIGIN_COMMAND_LINE) return &given->second;
  auto variable = environment_.find(variable_part(key));
  if (variable != environment_.end()) return &variable->second;
  return is_given ? &given->second : nullptr;
}

std::string InstanceSettings::plugin() const {
  const Value* value = find(kPluginKey);
  return value == nullptr ? name_ : value->text;
}

std::string InstanceSettings::variable_of(std::string_view key) const {
  return prefix_of(name_) + variable_part(key);
}

std::vector<std::string> InstanceSettings::variables() const {
  std::vector<std::string> names;
  for (const auto& [suffix, value] : environment_) names.push_back(value.place);
  return names;
}

// Fills a Configuration from one source after the other, that of the lowest precedence first.
class ConfigurationBuilder {
 public:
  explicit ConfigurationBuilder(Configuration* out) : out_(*out) { out_ = {}; }

  Status add_file(const ConfigFile& file) {
    out_.file = file.path;
    for (const ConfigSection& section : file.sections) {
      if (section.name == kHostSection) {
        Status status = add_host_section(file, section);
        if (!status.ok()) return status;
        continue;
      }
      InstanceSettings& instance = out_.instances.emplace_back(section.name);
      for (const ConfigEntry& entry : section.entries)
        instance.values_[entry.key] = {entry.value, PAXECT_ORIGIN_FILE, place_in(file, entry.line)};
    }
    return {};
  }

  // A variable belongs to the section with the longest name that fits, so that [link] never takes a variable
  // of [link_b]. The plugin directory is not looked at where the command line names one.
  Status add_environment(const Environment& environment, const CommandLine& command_line) {
    for (const auto& [variable, text] : environment) {
      InstanceSettings* owner = nullptr;
      for (InstanceSettings& instance : out_.instances) {
        bool fits = variable.starts_with(prefix_of(instance.name_));
        if (fits && (owner == nullptr || instance.name_.size() > owner->name_.size())) owner = &instance;
      }
      if (owner != nullptr)
        owner->environment_[variable.substr(prefix_of(owner->name_).size())] = {
            text, PAXECT_ORIGIN_ENVIRONMENT, variable};
      else
        out_.foreign_variables.push_back(variable);
    }
    for (InstanceSettings& instance : out_.instances) instance.foreign_variables_ = out_.foreign_variables;
    auto directory = environment.find(kPluginDirectoryVariable);
    if (directory == environment.end() || command_line.plugin_directory) return {};
    return set_plugin_directory(directory->second, kPluginDirectoryVariable);
  }

  Status add_command_line(const CommandLine& command_line) {
    for (const Override& given : command_line.overrides) {
      if (given.section == kHostSection)
        return usage_error("--set host." + given.key + ": the host has no such setting; see --plugin-dir");
      auto instance = std::find_if(out_.instances.begin(), out_.instances.end(),
                                   [&](const InstanceSettings& each) { return each.name_ == given.section; });
      if (instance == out_.instances.end()) {
        std::string where =
            out_.file.empty() ? "without a configuration file there is only [link]" : "none in " + out_.file;
        return usage_error("--set " + given.section + "." + given.key + ": no section [" + given.section +
                           "]: " + where);
      }
      instance->values_[given.key] = {given.value, PAXECT_ORIGIN_COMMAND_LINE,
                                      "--set " + given.section + "." + given.key};
    }
    if (command_line.plugin_directory)
      return set_plugin_directory(*command_line.plugin_directory, "--plugin-dir");
    return {};
  }

  void finish() {
    for (InstanceSettings& instance : out_.instances)
      for (const auto& [key, value] : instance.values_)
        if (key != kPluginKey) instance.keys_.push_back(key);
  }

 private:
  Status add_host_section(const ConfigFile& file, const ConfigSection& section) {
    Status faults;
    for (const ConfigEntry& entry : section.entries) {
      std::string place = place_in(file, entry.line);
      if (entry.key == kPluginDirectoryKey)
        faults.add(set_plugin_directory(entry.value, place));
      else
        faults.add(config_error(place + ": the host has no setting '" + entry.key +
                                "': [host] takes plugin_dir only"));
    }
    return faults;
  }

  Status set_plugin_directory(const std::string& path, const std::string& place) {
    if (path.empty() || path.front() != '/')
      return config_error(place + ": the plugin directory '" + path + "' is not absolute: begin it with '/'");
    out_.plugin_directory = path;
    return {};
  }

  Configuration& out_;
};

Status configure(const CommandLine& command_line, const Environment& environment, const ConfigFile& file,
                 Configuration* out) {
  ConfigurationBuilder builder(out);
  Status status = builder.add_file(file);
  if (status.ok()) status = builder.add_environment(environment, command_line);
  if (status.ok()) status = builder.add_command_line(command_line);
  builder.finish();
  return status;
}

Status read_configuration(const CommandLine& command_line, const Environment& environment,
                          const StopRequest* stop, Configuration* out) {
  ConfigFile file;
  Status status = read_config(command_line.config_path, stop, &file);
  return status.ok() ? configure(command_line, environment, file, out) : status;
}

}  // namespace paxect::host
