#include "proof/list_check.h"

#include <algorithm>

#include "base/relay_paths.h"
#include "proof/signature.h"

namespace paxect::link {
namespace {

Status refused(const StatementName& name, const std::string& why) {
  return Status::refused("list_refused",
                         "list " + std::to_string(name.number) + " of " + name.node + ": " + why);
}

// Of this node, those in force or those that were revoked.
std::vector<PublicKey> keys_of(const std::vector<NodeKey>& keys, std::string_view node, bool revoked) {
  std::vector<PublicKey> found;
  for (const NodeKey& each : keys)
    if (each.node == node && each.is_revoked == revoked) found.push_back(each.key);
  return found;
}

// What a receiver could not deliver under its name.
bool is_deliverable(std::string_view name) {
  for (;;) {
    const std::size_t end = name.find('/');
    const std::string_view part = name.substr(0, end);
    if (is_never_taken(part)) return false;
    if (end == std::string_view::npos) return is_container(part) && !data_of(part).empty();
    name.remove_prefix(end + 1);
  }
}

}  // namespace

Status check_list(const StatementName& name, std::string_view text, std::string_view signature,
                  const std::vector<NodeKey>& keys, std::string_view own_node, List* out, PublicKey* by) {
  const std::vector<PublicKey> valid = keys_of(keys, name.node, false);
  const std::vector<PublicKey> revoked = keys_of(keys, name.node, true);
  if (valid.empty() && revoked.empty())
    return refused(name, "no key of " + name.node + " is pinned: if you trust it, `paxect link key pin " +
                             name.node + " FILE`");
  const std::string file = statement_file(name);
  const Status verified = verify_file(text, signature, file, valid, by);
  if (!verified.ok()) {
    if (PublicKey old; verify_file(text, signature, file, revoked, &old).ok())
      return refused(name, "the key " + key_id_text(old.id) +
                               " that signed it was revoked: pin the new key of " + name.node);
    return refused(name, verified.message + ": have it copied again, or pin the key that signed it");
  }
  List list;
  if (Status parsed = parse_list(text, &list); !parsed.ok())
    return refused(name, "signed by " + key_id_text(by->id) + ", and no list: " + parsed.message);
  const StatementHead& head = list.head;
  if (head.from != name.node || head.stream != name.stream || head.number != name.number)
    return refused(name, "it says that it is list " + std::to_string(head.number) + " of stream " +
                             head.stream + " of " + head.from + ": give it its own name");
  if (!head.to.empty() && std::find(head.to.begin(), head.to.end(), own_node) == head.to.end())
    return {Fault::kRefused, "list_ignored",
            "list " + std::to_string(name.number) + " of " + name.node + " is for " + head.to.front() +
                ", and this node is " + std::string(own_node)};
  for (const ListEntry& entry : list.entries)
    if (!is_deliverable(entry.name))
      return refused(name, "an entry is no name of a container: have the sender list containers alone");
  *out = std::move(list);
  return Status::success();
}

}  // namespace paxect::link
