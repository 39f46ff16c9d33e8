// A list or a receipt with its signature, in a folder that others may write to: anybody can put a large file
// there under any name, so the signature is read first.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "proof/signature.h"

namespace paxect::link {

// Names of lists or of receipts in one folder that are kept in memory; beyond them only those with a
// signature that counts.
inline constexpr std::size_t kMaxStatements = 100'000;

// Whether one of the keys made the signature beside this name, for a file of this name. kGone when there is
// none, kEnvironment when it cannot be read now.
Status check_signature(const Directory& folder, const std::string& name, const std::vector<PublicKey>& keys);
// The text under this name, if one of the keys signed it.
Status read_signed(const Directory& folder, const std::string& name, const std::vector<PublicKey>& keys,
                   std::string* text);

}  // namespace paxect::link
