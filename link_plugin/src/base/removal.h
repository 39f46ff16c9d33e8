// Removes a file only if it is still the one that is meant.
//
// No call of POSIX does that: between the last stat of a name and the removal another file can be renamed
// over it. So the file is renamed first, to a hidden name beside it (tombstone_of) that nobody else uses,
// checked there, and removed there. Another file that was renamed by this gets its name back.
//
// A crash can leave a file under its hidden name; whoever knows that it is done with removes it, anybody else
// puts it back. Safe for several threads with names of their own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

// Whether the file under the hidden name is the one that is meant. A failure puts it back.
using IsMeant = std::function<Status(const std::string& tombstone, const FileStat& observed, bool* meant)>;

// Whether a name that a call reported as missing does not exist. A server, or a FUSE mount, that is away for
// a moment reports that of every name: kWait then, and a failure where the name is there.
Status confirm_gone(const Directory& folder, const std::string& name);

// Success also when there is no file of the name, or another one. `*returned` receives the names under which
// other files stand again. `*removed`, when asked for, receives whether the file was there and is removed.
// After a failure the file may have its hidden name.
Status remove_if(const Directory& folder, const std::string& name, const IsMeant& is_meant,
                 std::vector<std::string>* returned, bool* removed = nullptr);
// Whether events show that somebody has the file of this name open; asked where no lease is to be had.
using MayBeOpen = std::function<bool(const std::string& name)>;

// The file of this identity; kOpenForWriting where somebody writes to it, or may do so.
Status remove_same(const Directory& folder, const std::string& name, const FileIdentity& identity,
                   std::vector<std::string>* returned, const MayBeOpen& may_be_open = nullptr,
                   bool* removed = nullptr);

// The same for a file on which we have had a lease since it was read. Requires: `leased` is open on it, with
// a granted lease, and `observed` is what was found under the name, the file among it. The lease shows that
// nobody has written to the file; the descriptor keeps its inode from being used again.
Status remove_leased(const Directory& folder, const std::string& name, const FileStat& observed, int leased,
                     std::vector<std::string>* returned, bool* removed);

// Gives the file `from` in `folder` the name `name` in `home`, or when that is taken one like it, which is
// added to `*returned`. Success also when there is no such file.
Status put_back(const Directory& folder, const std::string& from, const Directory& home,
                const std::string& name, std::vector<std::string>* returned);

}  // namespace paxect::link
