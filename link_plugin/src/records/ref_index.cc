#include "records/ref_index.h"

namespace paxect::link {

void RefIndex::erase(std::string_view text, const EntryRef& ref) {
  if (const auto found = items_.find(Wanted{text, ref}); found != items_.end()) items_.erase(found);
}

std::optional<EntryRef> RefIndex::first(std::string_view text, const EntryRef& from) const {
  ++reads_;
  const auto found = items_.lower_bound(Wanted{text, from});
  return found == items_.end() || found->text != text ? std::nullopt : std::optional(found->ref);
}

std::vector<EntryRef> RefIndex::with_beginning(std::string_view beginning) const {
  std::vector<EntryRef> found;
  for (auto item = items_.lower_bound(Wanted{beginning, {}});
       item != items_.end() && item->text.starts_with(beginning); ++item) {
    ++reads_;
    found.push_back(item->ref);
  }
  return found;
}

}  // namespace paxect::link
