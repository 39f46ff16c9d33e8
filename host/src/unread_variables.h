// Environment variables that look like settings but that nobody reads: most are misspelt.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "settings.h"

namespace paxect::host {

// One warning for each variable of the section whose key is not among `keys_read`, and for each variable of
// no section that is nearly a variable of one of these keys. Names the nearest variable where there is one.
std::vector<std::string> unread_variable_warnings(const InstanceSettings& settings,
                                                  const std::set<std::string>& keys_read);

// One warning for each of these variables, which belong to no section, that is nearly one of the host's own,
// or named like a setting of [host].
std::vector<std::string> host_variable_warnings(const std::vector<std::string>& variables);

}  // namespace paxect::host
