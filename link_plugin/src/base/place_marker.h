// What identifies a directory, whatever its path.
//
// A marker, `.paxect-place`, holds a random token. Whoever comes first makes it, whoever comes later shares
// it. Where none can be made, the directory itself is evidence, as far as its file system describes it: see
// directory_fingerprint().
#pragma once

#include <string>

#include "base/blocks.h"
#include "base/filesystem.h"

namespace paxect::link {

// `*token` receives that of the marker, "" when there is none. A marker without a token is a failure.
Status read_marker(const Directory& directory, std::string* token);
// Whether there is a marker, one that cannot be read among them.
bool has_place_marker(const Directory& directory);
// Makes a marker with this token, durably, unless there is one; `*token` receives that of the one there is.
// `*is_refused`: nobody with our rights makes files in this directory. `stop` ends waiting for another relay
// that is making it.
Status make_marker(const Directory& directory, std::string* token, bool* is_refused, const Stop& stop = {});

// Removes what a relay that died while it made a marker has left.
void tidy_marker(const Directory& directory);

// File system, inode and time of birth of a directory, in one word; "" where the file system does not record
// when a directory was made: inode numbers alone are the same on any two disks.
std::string directory_fingerprint(const Directory& directory);
// What tells a directory from a copy of it that has the same marker, in one word: inode, and time of birth as
// far as the file system records it.
std::string directory_instance(const Directory& directory);
// A token for a directory in which no marker can be made: made from what is known of it, however little that
// is. The same directory always has the same one.
std::string derived_token(const Directory& directory);

}  // namespace paxect::link
