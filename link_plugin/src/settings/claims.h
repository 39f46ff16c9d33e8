// What no two sections of one configuration may share: each would overwrite or take what is the other's.
//
// The locks that a relay takes when it starts protect it from every other process. Claims find the conflict
// before that, when the settings are validated, and name the other section.
#pragma once

#include <string>
#include <vector>

#include "base/host.h"
#include "settings/link_config.h"

namespace paxect::link {

// One text for a file, whichever symbolic links lead to it. It need not exist yet.
std::string canonical_path(const std::string& path);
// Claims lock, records, inbox and metrics file for this instance. Returns a line for each that another
// instance has claimed. Without the host's service it claims nothing.
std::vector<std::string> claim_resources(const Host& host, const LinkConfig& config);

}  // namespace paxect::link
