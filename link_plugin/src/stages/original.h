// What the protection of a container says that it was.
#pragma once

#include <cstdint>
#include <string>

#include "base/blocks.h"
#include "base/status.h"

namespace paxect::link {

// For a container that decodes, which says nothing about its protection: a decoder passes over that.
// `*digest` receives the hexadecimal SHA-256 of the container as its protection proves it, and stays as it is
// when there is none, or when it has lost too much to prove anything. It is empty when the protection is of a
// container of more than `max_bytes` of data, of which no more than these are decompressed.
Status find_original(int container, const std::string& path, const Stop& stop, unsigned threads,
                     std::uint64_t max_bytes, std::string* digest);

}  // namespace paxect::link
