// A list, a receipt or a signature in a folder where others read it.
#pragma once

#include <string>
#include <string_view>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

inline constexpr std::string_view kTaken = "taken";

// Puts a file with these contents into the folder, durable but for its name: the caller flushes the folder.
// Success when it is there already, as an earlier process made it. kEnvironment with the event kTaken when
// anything else has the name; that stays as it is.
Status put_statement(const Directory& folder, const std::string& name, std::string_view contents);

// Removes what processes of this node that died, or failed to rename and to remove, have left of its lists
// and receipts. What cannot be removed stays.
void sweep_statements(const Directory& folder, std::string_view node);

}  // namespace paxect::link
