// A file into another directory, also across file systems, without replacing anything.
#pragma once

#include <string>
#include <vector>

#include "base/blocks.h"
#include "base/filesystem.h"

namespace paxect::link {

// kOpenForWriting while a process writes to the file. Moves the file of this identity only: kChanged when
// another one has its name already, which stays in `from` (`returned` as in removal.h). When `new_name`
// exists in `to`, *taken is true and nothing has changed. Durable after sync() of both directories. kStopped,
// with nothing changed, when `stop` says so during a copy.
Status move_file(const Directory& from, const std::string& name, const FileIdentity& identity,
                 const Directory& to, const std::string& new_name, const Stop& stop, bool* taken,
                 std::vector<std::string>* returned);

}  // namespace paxect::link
