// A file into another directory, also across file systems, without replacing anything.
#pragma once

#include <string>

#include "base/filesystem.h"

namespace paxect::link {

// When `new_name` exists in `to`, *taken is true and nothing has changed. No file of the name is a success.
// Durable after sync() of both directories.
Status move_file(const Directory& from, const std::string& name, const Directory& to,
                 const std::string& new_name, bool* taken);

}  // namespace paxect::link
