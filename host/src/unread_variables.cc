#include "unread_variables.h"

#include <algorithm>
#include <string_view>

#include "names.h"

namespace paxect::host {
namespace {

constexpr std::string_view kPrefix = "PAXECT_";
// Read by plugins and by the Python tools in its own right: not a setting without its section.
constexpr std::string_view kCoreVariable = "PAXECT_CORE";
constexpr std::string_view kPluginDirectoryVariable = "PAXECT_PLUGIN_DIR";
constexpr std::string_view kHostPrefix = "PAXECT_HOST_";
constexpr std::size_t kMaxKeyDistance = 3;
constexpr std::size_t kMaxVariableDistance = 2;

std::string suggestion(const std::string& variable) {
  return variable.empty() ? "" : ": did you mean " + variable + "?";
}

// The variable that was meant for one that the plugin does not read; empty when that is not clear. Beyond a
// third of its length a name is another word.
std::string meant_in_section(const std::string& variable, const std::vector<std::string>& known,
                             std::size_t prefix_size) {
  std::size_t key_size = variable.size() - prefix_size;
  std::string meant = nearest(variable, known, std::clamp<std::size_t>(key_size / 3, 1, kMaxKeyDistance));
  if (!meant.empty()) return meant;
  const std::string beginning = variable + "_";
  for (const std::string& candidate : known) {
    if (!candidate.starts_with(beginning)) continue;
    if (!meant.empty()) return {};
    meant = candidate;
  }
  return meant;
}

// The same for a variable of no section: its section is missing or misspelt.
std::string meant_without_section(const std::string& variable, const std::vector<std::string>& known,
                                  const InstanceSettings& settings) {
  if (variable == kCoreVariable) return {};
  for (const std::string& candidate : known)
    if (candidate == settings.variable_of(std::string_view(variable).substr(kPrefix.size())))
      return candidate;
  // So few edits that they cannot replace the section's name by that of another one.
  return nearest(variable, known, std::min(kMaxVariableDistance, settings.name().size() / 2));
}

// The host's variable that was meant; empty when that is not clear.
std::string meant_of_host(const std::string& variable) {
  if (variable.starts_with(kPluginDirectoryVariable)) return std::string(kPluginDirectoryVariable);
  const std::size_t limit = (variable.size() - kPrefix.size()) / 3;
  return nearest(variable, {std::string(kCoreVariable), std::string(kPluginDirectoryVariable)},
                 std::clamp<std::size_t>(limit, 1, kMaxVariableDistance));
}

}  // namespace

std::vector<std::string> host_variable_warnings(const std::vector<std::string>& variables) {
  std::vector<std::string> warnings;
  for (const std::string& variable : variables) {
    if (variable == kCoreVariable || variable == kPluginDirectoryVariable) continue;
    if (variable.starts_with(kHostPrefix)) {
      const std::string meant = meant_of_host(std::string(kPrefix) + variable.substr(kHostPrefix.size()));
      warnings.push_back(variable + " is set, but the section [host] has no variables" + suggestion(meant));
    } else if (const std::string meant = meant_of_host(variable); !meant.empty()) {
      warnings.push_back(variable + " is set, but nothing reads it" + suggestion(meant));
    }
  }
  return warnings;
}

std::vector<std::string> unread_variable_warnings(const InstanceSettings& settings,
                                                  const std::set<std::string>& keys_read) {
  std::vector<std::string> warnings;
  std::vector<std::string> known;
  known.reserve(keys_read.size());
  for (const std::string& key : keys_read) known.push_back(settings.variable_of(key));
  for (const std::string& variable : settings.variables()) {
    if (std::find(known.begin(), known.end(), variable) != known.end()) continue;
    warnings.push_back(variable + " is set, but plugin " + settings.plugin() + " reads no such setting" +
                       suggestion(meant_in_section(variable, known, settings.variable_of("").size())));
  }
  for (const std::string& variable : settings.foreign_variables()) {
    std::string meant = meant_without_section(variable, known, settings);
    if (!meant.empty())
      warnings.push_back(variable + " is set, but belongs to no section" + suggestion(meant));
  }
  return warnings;
}

}  // namespace paxect::host
