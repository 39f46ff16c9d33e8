// Whether a list is what its file name says, signed by a key that is pinned for its sender, and for us.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proof/list.h"
#include "proof/node_key.h"
#include "proof/statement_name.h"

namespace paxect::link {

// What can be said before a list is read, since whoever can write to the folder can make large files under
// any name: whether a key of its node is pinned; and whether one made this signature for a list of this name.
Status check_list_name(const StatementName& name, const std::vector<NodeKey>& keys);
Status check_list_signature(const StatementName& name, std::string_view signature,
                            const std::vector<NodeKey>& keys);
// A failure is one line: whose key, what is wrong, what to do. Its event is `list_ignored` where the list is
// good and for others, and `*out` and `*by` receive it too; else `list_refused`.
Status check_list(const StatementName& name, std::string_view text, std::string_view signature,
                  const std::vector<NodeKey>& keys, std::string_view own_node, List* out, PublicKey* by);

}  // namespace paxect::link
