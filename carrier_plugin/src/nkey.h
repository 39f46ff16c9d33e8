// Keys of NATS: an Ed25519 seed in base32, with a prefix and a checksum.
#pragma once

#include <string>

#include "status.h"

namespace paxect::carrier {

// The public key (U...) of the seed of a user (SU...) in a file, which may have other lines around it.
Status read_public_nkey(const std::string& path, std::string* out);
// The same of the seed itself; false when it is none.
bool public_nkey_of(const std::string& seed, std::string* out);

}  // namespace paxect::carrier
