#include "unread_variables.h"

#include <algorithm>

#include "names.h"

namespace paxect::host {
namespace {

// Beyond this a name is another word.
constexpr std::size_t kMaxKeyDistance = 3;
constexpr std::size_t kMaxVariableDistance = 2;

std::string suggestion(const std::string& variable) {
  return variable.empty() ? "" : ": did you mean " + variable + "?";
}

}  // namespace

std::vector<std::string> unread_variable_warnings(const InstanceSettings& settings,
                                                  const std::set<std::string>& keys_read) {
  std::vector<std::string> warnings;
  std::vector<std::string> known;
  known.reserve(keys_read.size());
  for (const std::string& key : keys_read) known.push_back(settings.variable_of(key));
  for (const std::string& variable : settings.variables()) {
    if (std::find(known.begin(), known.end(), variable) != known.end()) continue;
    warnings.push_back(variable + " is set, but plugin " + settings.plugin() + " reads no such setting" +
                       suggestion(nearest(variable, known, kMaxKeyDistance)));
  }
  // An edit that is no longer than the section's name cannot take the name away: with a section [a],
  // PAXECT_CORE is not meant to be PAXECT_A_CORE.
  const std::size_t limit = std::min(kMaxVariableDistance, settings.name().size());
  for (const std::string& variable : settings.foreign_variables()) {
    std::string meant = nearest(variable, known, limit);
    if (!meant.empty())
      warnings.push_back(variable + " is set, but belongs to no section" + suggestion(meant));
  }
  return warnings;
}

}  // namespace paxect::host
