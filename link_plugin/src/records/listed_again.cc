// One container with several entries, as ReceivedStreams knows it.
//
// What a sender lists again, such as after a change of its key, has another entry, which names the first one
// of its container. Each entry is of one container alone: the one that it names, else its own. So nobody can
// sign an entry that joins the entries of two others, and no entry is used up unless one of its own container
// was delivered. The others are used up by records that deliver one, or bring one; not by those of a
// rewritten journal, in which that was done.
#include <algorithm>

#include "records/digest_word.h"
#include "records/received_streams.h"

namespace paxect::link {
namespace {

ListedContainer container(const StreamAddress& address, std::uint64_t number, const ReceivedEntry& entry) {
  return {address.node, entry.again ? entry.again->stream : address.stream,
          entry.again ? entry.again->number : number, entry.digest, entry.name};
}

}  // namespace

// Whether its list counts, and its stream is not forked.
bool ReceivedStreams::counts(const EntryRef& ref) const {
  const ReceivedStream& of = streams_[ref.stream];
  if (of.is_forked) return false;
  const ReceivedEntry* open = entry(ref);
  return open != nullptr ? open->list <= of.counts_through : ref.number < of.first_retired_entry();
}

// More of them no sender makes. For each key, so that whoever has one takes no room from the others.
bool ReceivedStreams::has_room_again(const EntryRef& ref, const ReceivedEntry& entry) const {
  const StreamAddress& address = streams_[ref.stream].address;
  const auto [begin, end] = later_.equal_range(container(address, ref.number, entry));
  const auto of_key = std::count_if(
      begin, end, [&](const auto& each) { return streams_[each.second.stream].address.key == address.key; });
  return static_cast<std::size_t>(of_key) < kMaxAgain;
}

void ReceivedStreams::forget_again(const EntryRef& ref, const ReceivedEntry& entry) {
  if (!entry.again) return;
  const auto [begin, end] = later_.equal_range(container(streams_[ref.stream].address, ref.number, entry));
  const auto found = std::find_if(begin, end, [&](const auto& each) { return each.second == ref; });
  if (found != end) later_.erase(found);
}

// The entry that the others of its container name, open or not. Where two keys of the node have signed a
// stream of that name, and both count, nothing shows which of them is meant. One whose key is retired is not:
// whoever has stolen that key keeps no container of the sender open by it.
std::optional<EntryRef> ReceivedStreams::first_entry_of(const ListedContainer& of) const {
  std::optional<EntryRef> found;
  for (const std::size_t i : streams_named(std::get<0>(of), std::get<1>(of))) {
    const EntryRef ref{i, std::get<2>(of)};
    if (!counts(ref)) continue;
    if (found) return std::nullopt;
    found = ref;
  }
  return found;
}

// Nothing for an entry of a container that is listed once, as far as is known.
std::optional<ListedContainer> ReceivedStreams::container_of(const EntryRef& ref,
                                                             const ReceivedEntry& entry) const {
  if (!entry.again && later_.empty() && delivered_again_.empty()) return std::nullopt;
  ListedContainer of = container(streams_[ref.stream].address, ref.number, entry);
  if (entry.again) return of;
  if (!later_.contains(of) && !is_delivered_again_.contains(of)) return std::nullopt;
  return first_entry_of(of) == ref ? std::optional(std::move(of)) : std::nullopt;
}

// Also those that a delivery uses.
std::vector<EntryRef> ReceivedStreams::open_entries_of(const ListedContainer& of) const {
  std::vector<EntryRef> found;
  const auto [begin, end] = later_.equal_range(of);
  for (auto each = begin; each != end; ++each) found.push_back(each->second);
  const std::optional<EntryRef> first = first_entry_of(of);
  const ReceivedEntry* open = first ? entry(*first) : nullptr;
  if (open != nullptr && !open->again &&
      container(streams_[first->stream].address, first->number, *open) == of)
    found.push_back(*first);
  return found;
}

// The number of the first entry alone does not show it: a sender that was put back from a backup may name an
// entry that another text of its list has, of another content or of the same one under another name.
bool ReceivedStreams::is_delivered(const ListedContainer& of) const {
  if (is_delivered_again_.contains(of)) return true;
  const std::optional<EntryRef> first = first_entry_of(of);
  if (!first || !is_gone(*first)) return false;
  const auto& spent = streams_[first->stream].spent;
  const auto found = spent.find(first->number);
  return found != spent.end() && is_word_of(found->second, std::get<3>(of), std::get<4>(of));
}

// Whether a delivery uses another entry of its container.
bool ReceivedStreams::is_other_in_use(const EntryRef& ref, const ReceivedEntry& open) const {
  if (later_.empty() || !used_.first(open.digest)) return false;
  const std::optional<ListedContainer> of = container_of(ref, open);
  if (!of) return false;
  const std::vector<EntryRef> all = open_entries_of(*of);
  return std::any_of(all.begin(), all.end(), [&](const EntryRef& each) { return entry(each)->intent != 0; });
}

void ReceivedStreams::note_delivered_again(const ListedContainer& of) {
  if (!is_delivered_again_.insert(of).second) return;
  delivered_again_.push_back(of);
  if (delivered_again_.size() <= kDeliveredAgain) return;
  is_delivered_again_.erase(delivered_again_.front());
  delivered_again_.pop_front();
}

// Requires: it is used up, and was this entry. The others that no delivery uses are used up with it.
void ReceivedStreams::use_up_others(const EntryRef& ref, const ReceivedEntry& delivered) {
  const std::optional<ListedContainer> of = container_of(ref, delivered);
  if (!of) return;
  if (delivered.again) note_delivered_again(*of);
  for (const EntryRef& each : open_entries_of(*of)) {
    const ReceivedEntry* open = entry(each);
    if (open->intent != 0) continue;
    end_entry(each);
  }
}

void ReceivedStreams::use_up_if_delivered(const EntryRef& ref) {
  const ReceivedEntry* open = entry(ref);
  if (open == nullptr || open->intent != 0) return;
  const std::optional<ListedContainer> of = container_of(ref, *open);
  if (of && is_delivered(*of)) end_entry(ref);
}

// After entries of a stream with this name count again, or do not any more: others may name them, or those of
// another stream of that name.
void ReceivedStreams::use_up_delivered(const StreamAddress& address) {
  const ListedContainer from{address.node, address.stream, 0, "", ""};
  const auto is_named = [&](const ListedContainer& of) {
    return std::get<0>(of) == address.node && std::get<1>(of) == address.stream;
  };
  std::vector<EntryRef> open;
  for (auto each = later_.lower_bound(from); each != later_.end() && is_named(each->first); ++each)
    open.push_back(each->second);
  auto of = is_delivered_again_.lower_bound(from);
  for (; of != is_delivered_again_.end() && is_named(*of); ++of)
    for (const std::size_t index : streams_named(address.node, address.stream))
      open.push_back({index, std::get<2>(*of)});
  for (const EntryRef& each : open) use_up_if_delivered(each);
}

}  // namespace paxect::link
