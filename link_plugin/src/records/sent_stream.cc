#include "records/sent_stream.h"

#include <algorithm>
#include <iterator>

namespace paxect::link {

std::string receivers_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

bool is_for_all(std::string_view to, const std::vector<std::string>& receivers) {
  if (to.empty()) return true;
  const std::string list = " " + std::string(to) + " ";
  return !receivers.empty() && std::all_of(receivers.begin(), receivers.end(), [&](const std::string& each) {
    return list.find(" " + each + " ") != std::string::npos;
  });
}

bool UnlistedEntries::add(SentEntry entry) {
  if (!ids_.insert(entry.id).second) return false;
  entries_.push_back(std::move(entry));
  return true;
}

std::optional<SentEntry> UnlistedEntries::take(std::uint64_t id) {
  if (ids_.erase(id) == 0) return std::nullopt;
  // Lists take them in their order: it is among the first ones.
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const SentEntry& each) { return each.id == id; });
  SentEntry entry = std::move(*found);
  entries_.erase(found);
  return entry;
}

void UnlistedEntries::clear_sources(const std::set<std::uint64_t>& ids) {
  if (std::none_of(ids.begin(), ids.end(), [&](std::uint64_t id) { return ids_.contains(id); })) return;
  for (SentEntry& entry : entries_)
    if (ids.contains(entry.id)) entry.place = entry.source = "";
}

void SentStream::begin(std::string new_name, std::string new_key, std::string new_node,
                       std::optional<Continued> new_continues) {
  UnlistedEntries entries;
  // Entries of this stream get other numbers, and those that repeat them come after them.
  std::map<std::uint64_t, std::uint64_t> renumbered;
  const auto move = [&](std::uint64_t number, SentEntry entry) {
    if (entry.again && entry.again->stream == name)
      if (const auto found = renumbered.find(entry.again->number); found != renumbered.end())
        entry.again = EarlierEntry{new_name, found->second};
    if (entries.add(std::move(entry))) renumbered[number] = entries.all().size();
  };
  for (const SentList& list : lists_) {
    if (list.is_named) continue;
    texts_.erase({name, list.first});
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
      if (const auto kept = kept_.find({name, list.first + i}); kept != kept_.end()) erase_kept(kept);
      // One that is listed again already has its place there.
      if (!unlisted_.contains(list.entries[i].id)) move(list.first + i, list.entries[i]);
    }
  }
  for (std::size_t i = 0; i < unlisted_.all().size(); ++i) move(next_entry + i, unlisted_.all()[i]);
  unlisted_ = std::move(entries);
  lists_.clear();
  if (!needs_digests(name)) digests_.erase(name);
  // A damaged journal may have lost the record that it ended.
  if (!ended_.contains(name)) {
    replaced_.erase(name);
    forgone_.erase(name);
  }
  name = std::move(new_name);
  key = std::move(new_key);
  node = std::move(new_node);
  continues = std::move(new_continues);
  is_doubtful = false;
  next = next_entry = 1;
  previous.clear();
  times_.clear();
}

EndedStream SentStream::named() const {
  const auto unnamed =
      std::find_if(lists_.begin(), lists_.end(), [](const SentList& list) { return !list.is_named; });
  if (unnamed == lists_.end()) return {next - 1, next_entry - 1, made};
  return {unnamed->number - 1, unnamed->first - 1, made};
}

void SentStream::note_ended(const std::string& stream, const EndedStream& ended) {
  ended_[stream] = ended;
  if (ended_.size() <= kMaxEnded) return;
  settle(std::min_element(ended_.begin(), ended_.end(), [](const auto& one, const auto& other) {
           return one.second.made < other.second.made;
         })->first);
}

void SentStream::settle(const std::string& stream) {
  const auto settled = ended_.extract(stream);  // `stream` may be the key in it
  if (stream == name) return;
  if (!needs_digests(stream)) digests_.erase(stream);
  replaced_.erase(stream);
  forgone_.erase(stream);
}

// A receipt about it may come that has to be compared.
bool SentStream::needs_digests(const std::string& stream) const {
  return keeps_of(stream) || ended_.contains(stream) ||
         std::any_of(lost_.begin(), lost_.end(),
                     [&](const auto& lost) { return lost.second.number.first == stream; });
}

// Whether a source stays of an entry of this stream before `before`.
bool SentStream::keeps_of(const std::string& stream, std::uint64_t before) const {
  const auto found = kept_.lower_bound({stream, 0});
  return found != kept_.end() && found->first.first == stream && found->first.second < before;
}

void SentStream::note_digest(const std::string& stream, std::uint64_t number, std::uint64_t first,
                             const std::string& digest) {
  Digests& known = digests_[stream];
  known.emplace(number, std::pair(first, digest));
  // One is needed for as long as a source stays of an entry before the next list.
  while (known.size() > kMaxDigests &&
         (known.size() > kMaxDigestsEver || !keeps_of(stream, std::next(known.begin())->second.first)))
    known.erase(known.begin());
}

std::string SentStream::digest_of(const std::string& stream, std::uint64_t number) const {
  const auto found = digests_.find(stream);
  if (found == digests_.end()) return "";
  const auto list = found->second.find(number);
  return list == found->second.end() ? "" : list->second.second;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> SentStream::entries_of(const std::string& stream,
                                                                              std::uint64_t number) const {
  const auto found = digests_.find(stream);
  if (found == digests_.end()) return std::nullopt;
  const auto list = found->second.find(number);
  if (list == found->second.end()) return std::nullopt;
  const std::uint64_t first = list->second.first;
  if (const auto after = found->second.find(number + 1); after != found->second.end())
    return std::pair(first, after->second.first);
  if (stream == name) return number + 1 == next ? std::optional(std::pair(first, next_entry)) : std::nullopt;
  const auto ended = ended_.find(stream);
  if (ended == ended_.end() || number != ended->second.lists) return std::nullopt;
  return std::pair(first, ended->second.entries + 1);
}

void SentStream::note_time(std::uint64_t first, std::int64_t time) {
  times_.emplace(first, time);
  if (times_.size() <= kMaxTimes) return;
  // Every second one: what is asked for is how old the oldest are.
  bool keeps = false;
  std::erase_if(times_, [&](const auto&) { return !(keeps = !keeps); });
}

std::int64_t SentStream::made_of(std::uint64_t entry) const {
  const auto after = times_.upper_bound(entry);
  return after == times_.begin() ? 0 : std::prev(after)->second;
}

void SentStream::confirm(std::uint64_t through) {
  // The list that has the next entry stays.
  const auto after = times_.upper_bound(through + 1);
  if (after != times_.begin()) times_.erase(times_.begin(), std::prev(after));
}

void SentStream::note_source(const SentEntry& entry) {
  if (!entry.source.empty()) sources_.emplace(path_of(entry), SourceUse{entry.digest, entry.id});
}

void SentStream::forget_source(const SentEntry& entry) {
  auto [begin, end] = sources_.equal_range(path_of(entry));
  const auto found = std::find_if(begin, end, [&](const auto& use) {
    return use.second == SourceUse{entry.digest, entry.id};
  });
  if (found != end) sources_.erase(found);
}

bool SentStream::knows(const SentEntry& entry) const {
  const auto [begin, end] = sources_.equal_range(path_of(entry));
  return std::any_of(begin, end, [&](const auto& use) { return use.second.digest == entry.digest; });
}

bool SentStream::knows_for(const SentEntry& entry, const std::vector<std::string>& receivers) const {
  const auto [use, last_use] = sources_.equal_range(path_of(entry));
  if (std::any_of(use, last_use, [&](const auto& each) {
        return each.second.digest == entry.digest && unlisted_.contains(each.second.id);
      }))
    return true;
  const auto [number, last_number] = kept_at_.equal_range(path_of(entry));
  return std::any_of(number, last_number, [&](const auto& each) {
    const KeptSource& source = kept_.at(each.second);
    const ListText* list = each.second.first == name ? nullptr : list_with(each.second);
    return source.entry.digest == entry.digest && is_for_all(source.to, receivers) &&
           (list == nullptr ||
            (list->key == key && list->text.find("\n# from " + node + "\n") != std::string::npos));
  });
}

std::optional<EarlierEntry> SentStream::first_of(const SentEntry& entry) const {
  const auto [begin, end] = kept_at_.equal_range(path_of(entry));
  std::uint64_t newest = 0;
  std::optional<EarlierEntry> first;
  for (auto number = begin; number != end; ++number) {
    const SentEntry& each = kept_.at(number->second).entry;
    if (each.digest != entry.digest || each.id < newest) continue;
    newest = each.id;
    first = each.again ? *each.again : EarlierEntry{number->second.first, number->second.second};
  }
  return first;
}

// What is at the path of a source now is what the latest entry of it is made of: that of an earlier one with
// another container is gone. To send that one again would deliver the new content twice. Ids say which one is
// the later, in whatever order the records come.
bool SentStream::is_replaced(const SentEntry& entry) const {
  const auto [begin, end] = sources_.equal_range(path_of(entry));
  return !entry.source.empty() && std::any_of(begin, end, [&](const auto& use) {
    return use.second.id > entry.id && use.second.digest != entry.digest;
  });
}

void SentStream::clear_if_replaced(SentEntry* entry) const {
  if (!is_replaced(*entry)) return;
  entry->place.clear();
  entry->source.clear();
}

void SentStream::replace_sources(const SentEntry& entry) {
  const auto [begin, end] = sources_.equal_range(path_of(entry));
  std::set<std::uint64_t> ids;
  for (auto use = begin; use != end && !entry.source.empty();) {
    const bool is_earlier = use->second.id < entry.id && use->second.digest != entry.digest;
    if (is_earlier) ids.insert(use->second.id);
    use = is_earlier ? sources_.erase(use) : std::next(use);
  }
  if (ids.empty()) return;
  std::vector<EntryNumber> numbers;
  const auto [first, last] = kept_at_.equal_range(path_of(entry));
  for (auto number = first; number != last; ++number)
    if (ids.contains(kept_.at(number->second).entry.id)) numbers.push_back(number->second);
  for (const EntryNumber& number : numbers) forget_kept(kept_.find(number));
  unlisted_.clear_sources(ids);
  for (SentList& list : lists_)
    for (SentEntry& one : list.entries)
      if (ids.contains(one.id)) one.place = one.source = "";
}

void SentStream::keep_source(const EntryNumber& number, const KeptSource& source) {
  if (const auto before = kept_.find(number); before != kept_.end()) erase_kept(before);
  kept_[number] = source;
  kept_at_.emplace(path_of(source.entry), number);
}

std::map<SentStream::EntryNumber, KeptSource>::iterator SentStream::erase_kept(
    std::map<EntryNumber, KeptSource>::iterator source) {
  const auto [begin, end] = kept_at_.equal_range(path_of(source->second.entry));
  const auto at = std::find_if(begin, end, [&](const auto& one) { return one.second == source->first; });
  if (at != end) kept_at_.erase(at);
  return kept_.erase(source);
}

void SentStream::add(const SentEntry& sent) {
  SentEntry entry = sent;
  clear_if_replaced(&entry);
  // What is listed again may still have its first list here.
  const bool is_known = !ids_.insert(entry.id).second;
  if ((is_known && !entry.again) || !unlisted_.add(entry)) return;
  replace_sources(entry);
  note_source(entry);
}

void SentStream::decide(const SentList& decided) {
  if (decided.number < next) return;  // the record was written twice
  SentList list = decided;
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    SentEntry& entry = list.entries[i];
    // The list may have been made before a later entry of this source came.
    if (const std::optional<SentEntry> sent = unlisted_.take(entry.id)) {
      entry = *sent;
    } else if (clear_if_replaced(&entry);
               ids_.insert(entry.id).second && !kept_.contains({name, list.first + i})) {
      replace_sources(entry);
      note_source(entry);
    }
    if (entry.source.empty()) continue;
    keep_source({name, list.first + i}, {entry, list.made, receivers_text(list.to)});
    if (ListText& text = texts_[{name, list.first}]; text.text.empty())
      text = {list.entries.size(), key, text_of(decided)};
  }
  note_digest(name, list.number, list.first, list.digest);
  if (!list.entries.empty()) note_time(list.first, list.made);
  next = list.number + 1;
  next_entry = list.first + list.entries.size();
  previous = list.digest;
  made = list.made;
  lists_.push_back(std::move(list));
}

void SentStream::note_durable(std::uint64_t number) {
  for (SentList& list : lists_)
    if (list.number == number) list.is_durable = true;
}

void SentStream::note_named(std::uint64_t number) {
  for (SentList& list : lists_)
    if (list.number == number) list.is_named = true;
}

void SentStream::forget_lists(std::uint64_t number) {
  while (!lists_.empty() && lists_.front().number <= number) lists_.pop_front();
}

void SentStream::forget_ids() {
  ids_.clear();
  for (const SentEntry& entry : unlisted_.all()) ids_.insert(entry.id);
  for (const SentList& list : lists_)
    for (const SentEntry& entry : list.entries) ids_.insert(entry.id);
}

void SentStream::release(const EntryNumber& number) {
  const auto found = kept_.find(number);
  if (found == kept_.end()) return;
  forget_source(found->second.entry);
  forget_kept(found);
}

void SentStream::forget_kept(std::map<EntryNumber, KeptSource>::iterator source) {
  const EntryNumber number = source->first;
  // Should another stream begin, it is listed there without a source.
  for (SentList& list : lists_) {
    if (number.first != name || number.second < list.first) continue;
    if (number.second - list.first >= list.entries.size()) continue;
    SentEntry& entry = list.entries[number.second - list.first];
    entry.place = entry.source = "";
  }
  const auto later = erase_kept(source);
  if (number.first != name && !needs_digests(number.first)) digests_.erase(number.first);
  const auto after = texts_.upper_bound(number);
  if (after == texts_.begin()) return;
  const auto list = std::prev(after);
  const auto& [stream, first] = list->first;
  const std::uint64_t end = first + list->second.count;
  if (stream != number.first || number.second >= end) return;
  const bool keeps_later = later != kept_.end() && later->first.first == stream && later->first.second < end;
  const bool keeps_earlier = later != kept_.begin() && std::prev(later)->first.first == stream &&
                             std::prev(later)->first.second >= first;
  if (!keeps_later && !keeps_earlier) texts_.erase(list);
}

const ListText* SentStream::list_with(const EntryNumber& entry) const {
  const auto after = texts_.upper_bound(entry);
  if (after == texts_.begin()) return nullptr;
  const auto& [list, text] = *std::prev(after);
  return list.first == entry.first && entry.second < list.second + text.count ? &text : nullptr;
}

void SentStream::relist(const EntryNumber& number) {
  const auto found = kept_.find(number);
  if (found == kept_.end()) return;
  SentEntry entry = found->second.entry;
  // The first one of all: the lists between may be lost.
  if (!entry.again) entry.again = {number.first, number.second};
  ids_.insert(entry.id);
  unlisted_.add(std::move(entry));
  note_over(&replaced_, number.first, number.second, number.second);
  forget_kept(found);
}

const EntryRanges& SentStream::ranges_of(const RangesByStream& all, const std::string& stream) {
  static const EntryRanges kNone;
  const auto found = all.find(stream);
  return found == all.end() ? kNone : found->second;
}

// Of other streams nobody waits for anything.
void SentStream::note_over(RangesByStream* all, const std::string& stream, std::uint64_t first,
                           std::uint64_t last) {
  if (first > 0 && first <= last && (stream == name || ended_.contains(stream)))
    add_range(&(*all)[stream], first, last);
}

void SentStream::forgo(const std::string& stream, std::uint64_t first, std::uint64_t last) {
  note_over(&forgone_, stream, first, last);
}

void SentStream::keep(const EntryNumber& number, const KeptSource& source) {
  if (kept_.contains(number) || is_replaced(source.entry)) return;
  replace_sources(source.entry);
  note_source(source.entry);
  keep_source(number, source);
}

void SentStream::note_shown(const ShownEntry& shown) {
  const std::optional<SentEntry> found = unlisted_.take(shown.id);
  if (!found) return;
  if (!found->source.empty() && !kept_.contains(shown.number))
    keep_source(shown.number, {*found, shown.made, shown.to});
  else
    forget_source(*found);
}

void SentStream::note_lost(const LostEntries& entries) {
  for (const auto& entry : entries)
    if (lost_.size() < kMaxLost) lost_.insert(entry);
}

void SentStream::adopt(const SentList& list) {
  decide(list);
  forget_lists(list.number);
  is_doubtful = true;
}

std::string SentStream::text_of(const SentList& list) const {
  List text;
  text.head = {.from = node,
               .to = list.to,
               .stream = name,
               .continues = continues,
               .number = list.number,
               .previous = list.previous,
               .made = list.made,
               .log = list.log};
  text.first = list.first;
  text.within = list.within;
  for (const SentEntry& entry : list.entries) text.entries.push_back({entry.digest, entry.name, entry.again});
  return list_text(text);
}

}  // namespace paxect::link
