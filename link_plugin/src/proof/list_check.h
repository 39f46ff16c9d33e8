// Whether a list is what its file name says, signed by a key that is pinned for its sender, and for us.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proof/key.h"
#include "proof/list.h"
#include "proof/statement_name.h"

namespace paxect::link {

struct NodeKey {
  std::string node;
  PublicKey key;
  bool is_revoked = false;

  bool operator==(const NodeKey&) const = default;
};

// A failure is one line: whose key, what is wrong, what to do. Its event is `list_ignored` where the list is
// good and for others, else `list_refused`.
Status check_list(const StatementName& name, std::string_view text, std::string_view signature,
                  const std::vector<NodeKey>& keys, std::string_view own_node, List* out, PublicKey* by);

}  // namespace paxect::link
