// The sidecar of a container: a small text file that gives the container's SHA-256.
#pragma once

#include <string>
#include <string_view>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

// The name under which the container has a sidecar in this folder, in any ASCII case; sidecar_of() when it
// has none. `*observed`, when asked for, receives what was found under that name.
std::string find_sidecar(const Directory& folder, std::string_view container, FileStat* observed = nullptr);

// The digest that the text of a sidecar gives for `container`, in lower case. Accepts what sha256sum writes
// (text, binary, escaped names, --tag, --zero), openssl dgst (with and without -r), certutil -hashfile, and
// 64 hexadecimal digits alone; a byte order mark, UTF-16, CRLF, tabs, blank lines and lines that begin with
// '#'. A single digest counts whatever name it has; of several, the one that names the container.
// kIntegrity ("sidecar_unreadable") when no digest can be read.
Status parse_sidecar(std::string_view text, std::string_view container, std::string* digest);

// The digest of the sidecar `name` for `container`; fails as parse_sidecar() when it gives none. `*identity`,
// when asked for, receives that of the file that was read.
Status read_sidecar(const Directory& folder, const std::string& name, std::string_view container,
                    std::string* digest, FileIdentity* identity = nullptr);

}  // namespace paxect::link
