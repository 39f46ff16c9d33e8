// Words of records of the journal that have a digest, and what belongs to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proof/list.h"

namespace paxect::link {

// An entry, and the earlier one that it names: "DIGEST", or "DIGEST:STREAM:NUMBER".
std::string digest_word(const std::string& digest, const std::optional<EarlierEntry>& again);
// Leaves the digest alone in the word. Nothing where there is no such entry, or a damaged one.
std::optional<EarlierEntry> take_earlier(std::string* word);

// A container that was delivered, with 96 bits of the SHA-256 of its name, which may be long: "DIGEST:NAME".
// Journals of before have "DIGEST" alone.
std::string named_digest(const std::string& digest, std::string_view name);
std::string digest_of_word(const std::string& word);
// Whether such a word may be of this container: one without a name is compared by its digest.
bool is_word_of(const std::string& word, const std::string& digest, std::string_view name);

}  // namespace paxect::link
