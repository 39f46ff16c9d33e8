#include "relay/own_lists.h"

#include <algorithm>
#include <vector>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/statement_name.h"

namespace paxect::link {

std::string line_of(const PublicKey& key) {
  const std::string text = public_key_text(key);
  return text.substr(text.find('\n') + 1, text.size() - text.find('\n') - 2);
}

bool read_own_list(const Directory& folder, const std::string& name, const PublicKey& key, std::string* text,
                   List* list) {
  std::string signature;
  return folder.read_small(name, kMaxStatementSize, text).ok() &&
         folder.read_small(signature_of(name), kMaxStatementSize, &signature).ok() &&
         verify_file(*text, signature, name, {key}).ok() && parse_list(*text, list).ok();
}

void add_entries(const List& list, OwnEntries* out) {
  std::string to;
  for (const std::string& node : list.head.to) to += (to.empty() ? "" : " ") + node;
  for (std::size_t i = 0; i < list.entries.size(); ++i)
    out->try_emplace({list.entries[i].digest, list.entries[i].name},
                     OwnEntry{{list.head.stream, list.first + i}, list.head.made, to});
}

OwnEntries read_entries(const Directory& folder, const SentStream& stream, const PublicKey& key) {
  OwnEntries entries;
  std::ignore = folder.list([&](const char* name) {
    StatementName each;
    std::string text;
    List list;
    if (parse_statement_name(name, &each) && each.kind == StatementKind::kList && !each.is_signature &&
        each.stream == stream.name && each.node == stream.node &&
        read_own_list(folder, name, key, &text, &list))
      add_entries(list, &entries);
    return true;
  });
  return entries;
}

Status read_shown(const Directory& folder, const std::string& node, const SentStream& stream,
                  const PublicKey& key, ShownLists* shown) {
  std::map<std::string, std::vector<std::uint64_t>> found;  // numbers by stream
  Status status = folder.list([&](const char* name) {
    StatementName each;
    if (parse_statement_name(name, &each) && each.kind == StatementKind::kList && !each.is_signature &&
        each.node == node && (stream.name.empty() || each.stream == stream.name) &&
        each.number + 1 >= stream.next)
      found[each.stream].push_back(each.number);
    return true;
  });
  for (auto& [name, numbers] : found) {
    std::sort(numbers.rbegin(), numbers.rend());
    for (const std::uint64_t number : numbers) {
      std::string text;
      List list;
      if (!read_own_list(folder, list_of(node, name, number), key, &text, &list)) continue;
      if (number >= stream.next)
        for (const ListEntry& entry : list.entries) shown->entries.emplace(entry.digest, entry.name);
      const bool is_later = name == shown->stream ? number > shown->number : list.head.made >= shown->made;
      if (is_later) {
        shown->stream = name;
        shown->number = number;
        shown->digest = sha256_hex(text);
        shown->made = list.head.made;
      }
      // Of a stream that the journal does not know, the last list is enough.
      if (stream.name.empty()) break;
    }
  }
  return status;
}

}  // namespace paxect::link
