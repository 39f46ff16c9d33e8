// A pinned key of a node, and for which of the statements that it signs it counts.
//
// A key that is retired counts for the statements of a stream up to a number, which is written as a third
// line and further ones in its file: `retired STREAM NUMBER`. Never up to a date: who has a stolen key writes
// any date.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proof/key.h"

namespace paxect::link {

// By stream, the number of the last statement that counts. None of another stream does.
using LastStatements = std::map<std::string, std::uint64_t>;

struct NodeKey {
  std::string node;
  PublicKey key;
  bool is_revoked = false;
  std::optional<LastStatements> last = {};  // of a key that is retired

  bool operator==(const NodeKey&) const = default;

  // The last statement of the stream that counts; UINT64_MAX for all of them, 0 for none.
  std::uint64_t last_of(std::string_view stream) const;
};

// The keys of the node whose statement of this stream and number counts.
std::vector<PublicKey> keys_for(const std::vector<NodeKey>& keys, std::string_view node,
                                std::string_view stream, std::uint64_t number);

// The file of a retired key: that of the public key, and a line for each stream.
Status parse_retired_key(std::string_view text, PublicKey* key, LastStatements* last);
std::string retired_key_text(const PublicKey& key, const LastStatements& last);

}  // namespace paxect::link
