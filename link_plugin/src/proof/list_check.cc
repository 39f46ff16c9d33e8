#include "proof/list_check.h"

#include <algorithm>
#include <functional>

#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/signature_damage.h"

namespace paxect::link {
namespace {

Status refused(const StatementName& name, const std::string& why) {
  return Status::refused("list_refused",
                         "list " + std::to_string(name.number) + " of " + name.node + ": " + why);
}

// Why a list that the key has signed does not count.
std::string reason_of(const NodeKey& key, const StatementName& name) {
  const std::string text = "the key " + key_id_text(key.key.id) + " that signed it was ";
  if (key.is_revoked) return text + "revoked: pin the new key of " + name.node;
  const std::uint64_t last = key.last_of(name.stream);
  if (last > 0)
    return text + "retired after list " + std::to_string(last) + ": pin the new key of " + name.node;
  return text + "retired, for all lists of this stream: if its sender made it, `paxect link key retire " +
         name.node + " FILE " + name.stream + " NUMBER` says up to which one its lists count";
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

// What is wrong with a list whose signature cannot be verified by the keys that count for it. `verify` says
// whether this key has made it.
Status not_verified(const StatementName& name, const Status& status, const std::vector<NodeKey>& keys,
                    const std::function<bool(const PublicKey&)>& verify) {
  if (status.event == kSignatureDamaged) return refused(name, status.message);
  for (const NodeKey& key : keys)
    if (key.node == name.node && verify(key.key)) return refused(name, reason_of(key, name));
  return refused(name, status.message + ": have it copied again, or pin the key that signed it");
}

}  // namespace

Status check_list_name(const StatementName& name, const std::vector<NodeKey>& keys) {
  const bool is_pinned =
      std::any_of(keys.begin(), keys.end(), [&](const NodeKey& key) { return key.node == name.node; });
  return is_pinned
             ? Status::success()
             : refused(name, "no key of " + name.node + " is pinned: if you trust it, `paxect link key pin " +
                                 name.node + " FILE`");
}

Status check_list_signature(const StatementName& name, std::string_view signature,
                            const std::vector<NodeKey>& keys) {
  if (Status pinned = check_list_name(name, keys); !pinned.ok()) return pinned;
  const std::string file = statement_file(name);
  Status status = verify_signature_file(signature, file, keys_for(keys, name.node, name.stream, name.number));
  if (status.ok()) return status;
  return not_verified(name, status, keys, [&](const PublicKey& key) {
    return verify_signature_file(signature, file, {key}).ok();
  });
}

Status check_list(const StatementName& name, std::string_view text, std::string_view signature,
                  const std::vector<NodeKey>& keys, std::string_view own_node, List* out, PublicKey* by) {
  if (Status pinned = check_list_name(name, keys); !pinned.ok()) return pinned;
  const std::string file = statement_file(name);
  const Status verified =
      verify_file(text, signature, file, keys_for(keys, name.node, name.stream, name.number), by);
  if (!verified.ok())
    return not_verified(name, verified, keys,
                        [&](const PublicKey& key) { return verify_file(text, signature, file, {key}).ok(); });
  List list;
  if (Status parsed = parse_list(text, &list); !parsed.ok())
    return refused(name, "signed by " + key_id_text(by->id) + ", and no list: " + parsed.message);
  const StatementHead& head = list.head;
  if (head.from != name.node || head.stream != name.stream || head.number != name.number)
    return refused(name, "it says that it is list " + std::to_string(head.number) + " of stream " +
                             head.stream + " of " + head.from + ": give it its own name");
  for (const ListEntry& entry : list.entries)
    if (!is_deliverable(entry.name))
      return refused(name, "an entry is no name of a container: have the sender list containers alone");
  *out = std::move(list);
  const std::vector<std::string>& to = out->head.to;
  if (!to.empty() && std::find(to.begin(), to.end(), own_node) == to.end())
    return {Fault::kRefused, "list_ignored",
            "list " + std::to_string(name.number) + " of " + name.node + " is for " + to.front() +
                ", and this node is " + std::string(own_node)};
  return Status::success();
}

}  // namespace paxect::link
