// Reads a file of the folder of pinned keys, and says who else than root and the user of the relay decides
// what is read. All is judged on the descriptors that led to it, so nobody changes it between the two.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

// Reads the file of this name, symbolic links followed. `*exposure` receives why it cannot be trusted: who
// can write the file, or can change its name or a link on the way to it, and the remedy; "" when nobody else
// can. What cannot be judged is a failure.
Status read_judged(const Directory& folder, const std::string& name, std::size_t limit, uid_t user,
                   std::string* text, std::string* exposure);

}  // namespace paxect::link
