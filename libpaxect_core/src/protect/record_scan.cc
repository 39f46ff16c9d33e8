#include "protect/record_scan.h"

#include <algorithm>

namespace paxect::core {

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
      found.lists.push_back(list);
    FoundTrailer trailer{.trailer = {}, .at = at};
    if (kind == RecordKind::kTrailer && bytes.size() == kTrailerSize &&
        read_trailer(bytes.first<kTrailerSize>(), trailer.trailer))
      found.trailers.push_back(trailer);
  }
  auto earlier = [](const FoundList& a, const FoundList& b) {
    return a.header.window.number < b.header.window.number;
  };
  std::stable_sort(found.lists.begin(), found.lists.end(), earlier);
  return found;
}

std::span<const FoundList> Records::of_window(std::uint32_t number) const {
  auto before = [](const FoundList& list, std::uint32_t wanted) {
    return list.header.window.number < wanted;
  };
  auto behind = [](std::uint32_t wanted, const FoundList& list) {
    return wanted < list.header.window.number;
  };
  auto begin = std::lower_bound(lists.begin(), lists.end(), number, before);
  auto end = std::upper_bound(begin, lists.end(), number, behind);
  return {begin, end};
}

}  // namespace paxect::core
