// The word of a record of the journal that has the digest of an entry, and the earlier entry that it names:
// "DIGEST", or "DIGEST:STREAM:NUMBER".
#pragma once

#include <optional>
#include <string>

#include "proof/list.h"

namespace paxect::link {

std::string digest_word(const std::string& digest, const std::optional<EarlierEntry>& again);
// Leaves the digest alone in the word. Nothing where there is no such entry, or a damaged one.
std::optional<EarlierEntry> take_earlier(std::string* word);

}  // namespace paxect::link
