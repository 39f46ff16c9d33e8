// The operator's word that a directory is a place from now on, on its way from `paxect link place adopt` to
// the relay: a line `ROLE TOKEN` in a file of the relay's records, until the relay has acted on it.
#pragma once

#include <string>

#include "base/status.h"

namespace paxect::link {

// The token that was adopted for this role, "" for none. `path`: see adopt_of().
std::string adopted(const std::string& path, const std::string& role);
// In place of what was adopted for the role before; "" for nothing any more.
Status adopt(const std::string& path, const std::string& role, const std::string& token);

}  // namespace paxect::link
