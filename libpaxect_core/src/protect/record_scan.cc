#include "protect/record_scan.h"

#include <algorithm>
#include <tuple>

#include "protect/record_support.h"

namespace paxect::core {
namespace {

// Grows by a quarter: what a vector takes at once would be the largest part of all memory of a repair.
template <class T>
void add(std::vector<T>& all, const T& one) {
  constexpr std::size_t kFew = 64;
  if (all.size() == all.capacity()) all.reserve(all.size() + std::max(kFew, all.size() / 4));
  all.push_back(one);
}

auto key(const FoundList& found) { return std::tie(found.header.tag, found.header.window.number, found.at); }
auto key(const FoundTrailer& found) { return std::tie(found.trailer.tag, found.at); }

template <class T, class Less>
std::span<const T> range(const std::vector<T>& all, const T& wanted, Less less) {
  const auto [begin, end] = std::equal_range(all.begin(), all.end(), wanted, less);
  return {begin, end};
}

}  // namespace

Records scan_records(CopyReader& copy) {
  constexpr auto kStart = std::span<const std::uint8_t, 8>(kRecordMagic).first<4>();
  Records found;
  std::uint64_t at = copy.find(kStart, 0);
  for (; at != CopyReader::kNowhere && copy.failure().ok(); at = copy.find(kStart, at + kStart.size())) {
    std::span<const std::uint8_t> bytes = copy.look(at, kTrailerSize);
    if (bytes.size() < kListHeaderSize) continue;
    RecordKind kind = record_kind(bytes.first<kRecordStartSize>());
    FoundList list{.header = {}, .at = at};
    if (kind == RecordKind::kList && read_list_header(bytes.first<kListHeaderSize>(), list.header))
      add(found.lists, list);
    FoundTrailer trailer{.trailer = {}, .at = at};
    if (kind == RecordKind::kTrailer && bytes.size() == kTrailerSize &&
        read_trailer(bytes.first<kTrailerSize>(), trailer.trailer))
      add(found.trailers, trailer);
  }
  auto earlier = [](const auto& a, const auto& b) { return key(a) < key(b); };
  sort_in_place(std::span(found.lists), earlier, copy);
  sort_in_place(std::span(found.trailers), earlier, copy);
  if (copy.failure().ok()) remove_unsupported(found, copy);
  return found;
}

std::span<const FoundList> Records::of_window(const ProtectionTag& tag, std::uint32_t number) const {
  FoundList wanted;
  wanted.header.tag = tag;
  wanted.header.window.number = number;
  return range(lists, wanted, [](const FoundList& a, const FoundList& b) {
    return std::tie(a.header.tag, a.header.window.number) < std::tie(b.header.tag, b.header.window.number);
  });
}

std::span<const FoundList> Records::of_tag(const ProtectionTag& tag) const {
  FoundList wanted;
  wanted.header.tag = tag;
  return range(lists, wanted,
               [](const FoundList& a, const FoundList& b) { return a.header.tag < b.header.tag; });
}

std::span<const FoundTrailer> Records::trailers_of_tag(const ProtectionTag& tag) const {
  FoundTrailer wanted;
  wanted.trailer.tag = tag;
  return range(trailers, wanted,
               [](const FoundTrailer& a, const FoundTrailer& b) { return a.trailer.tag < b.trailer.tag; });
}

}  // namespace paxect::core
