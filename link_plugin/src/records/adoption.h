// The operator's decision that a directory is a place from now on. `paxect link place adopt` writes it as a
// line `ROLE TOKEN` to a file of the relay's records, and the relay removes the line when it has acted on it.
#pragma once

#include <string>

#include "base/status.h"

namespace paxect::link {

// The token that was adopted for this role, "" for none. `path`: see adopt_of().
std::string adopted(const std::string& path, const std::string& role);
// Replaces what was adopted for the role before; "" removes it.
Status adopt(const std::string& path, const std::string& role, const std::string& token);

}  // namespace paxect::link
