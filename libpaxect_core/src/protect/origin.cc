#include "protect/origin.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "format.h"
#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

// Bytes other than zero outside of the container that count as damage: a broken copy may begin or end with
// some.
constexpr std::uint64_t kMaxForeign = 4096;
constexpr std::size_t kBlock = std::size_t{1} << 16;
constexpr std::size_t kHeaderInTrailer = 44;  // where the header is that a trailer repeats
// The header and the first frame header, which no other container has in common with this one.
constexpr std::size_t kStartSize = kHeaderSize + kFrameHeaderSize;

class OriginCheck {
 public:
  OriginCheck(const ProtectionMap& map, std::size_t index, CopyReader& reader,
              std::span<const std::uint8_t> first_window, std::optional<std::int64_t> moved_cell)
      : map_(map), index_(index), reader_(reader), first_window_(first_window), moved_cell_(moved_cell) {}

  Status run(CopyExtent& extent) {
    extent = {};
    if (!map_.first_shift(index_)) return {};
    if (fills_copy()) {
      extent.begins_whole = begins_whole() || begins_apart_from_one_piece();
      extent.has_an_end = true;
      return {};
    }
    const ByteRange before = range_before();
    const ByteRange behind = range_behind();
    if (const std::optional<std::uint64_t> at = find_next_container())
      return refuse({*at, reader_.size()}, before.end, *at);
    for (const ByteRange& range : {before, behind})
      if (is_foreign(range)) return refuse(range, before.end, behind.begin);
    if (!behind.empty() && ends_like_a_footer(behind)) return refuse(behind, before.end, behind.begin);
    extent.begins_whole = begins_whole() || begins_apart_from_one_piece();
    extent.has_others = !before.empty() || !behind.empty();
    extent.has_an_end = extent.begins_whole || begins_in_place() || ends_in_place();
    return {};
  }

 private:
  // As long as the container, with bytes of its first window in place: there is no room before or behind it,
  // and what is elsewhere in the copy was written over bytes of it.
  bool fills_copy() { return map_.size() != 0 && reader_.size() == map_.size() && has_cell_in_place(); }

  // A copy may have two versions of one container, one behind the other, and a part of the records of each:
  // then the second one begins before its first record, or between two of the row.
  std::optional<std::uint64_t> find_next_container() {
    const std::int64_t shift = *map_.first_shift(index_);
    std::array<std::uint8_t, kMagic.size()> bytes{};
    if (shift > ProtectionMap::kMaxInserted && read(static_cast<std::uint64_t>(shift), bytes) &&
        bytes == kMagic && has_cell_in_place())
      return static_cast<std::uint64_t>(shift);
    for (const ByteRange& gap : map_.gaps(index_))
      for (std::uint64_t at = gap.begin; (at = reader_.find(kMagic, at, gap.end)) < gap.end; ++at)
        if (!is_in_trailer(at)) return at;
    return {};
  }

  // A trailer repeats the header.
  bool is_in_trailer(std::uint64_t at) {
    std::array<std::uint8_t, kRecordMagic.size()> bytes{};
    return at >= kHeaderInTrailer && read(at - kHeaderInTrailer, bytes) && bytes == kRecordMagic;
  }

  // What precedes the container. Bytes that were inserted behind its beginning move the first record too.
  ByteRange range_before() {
    const std::int64_t shift = moved_cell_.value_or(*map_.first_shift(index_));
    if (shift <= 0 || has_cell_in_place()) return {};
    const auto begin = static_cast<std::uint64_t>(shift);
    std::array<std::uint8_t, kStartSize> here{};
    std::array<std::uint8_t, kStartSize> there{};
    const std::size_t size = std::min(kStartSize, first_window_.size());
    if (!read(0, {here.data(), size}) || !read(begin, {there.data(), size})) return {0, begin};
    const std::uint8_t* start = first_window_.data();
    const auto same = static_cast<std::size_t>(std::mismatch(here.begin(), here.begin() + size, start).first -
                                               here.begin());
    if (same == size) return {};
    if (std::equal(there.begin(), there.begin() + size, start)) return {0, begin};
    // They were inserted inside these bytes, if each is at its place or behind what was inserted.
    const bool is_split = std::equal(there.begin() + same, there.begin() + size, start + same);
    return {is_split ? std::min<std::uint64_t>(same, begin) : 0, begin};
  }

  // What follows the footer.
  ByteRange range_behind() {
    const std::int64_t end =
        static_cast<std::int64_t>(map_.footer_offset() + kFooterSize) + *map_.last_shift(index_);
    const std::uint64_t begin = end < 0 ? 0 : static_cast<std::uint64_t>(end);
    if (begin >= reader_.size()) return {};
    if (map_.trailer() && begin >= kFooterSize && has_footer_around(begin - kFooterSize)) return {};
    return {begin, reader_.size()};
  }

  // A container around this one can have the same header, but not the same first frame header.
  bool begins_whole() {
    std::array<std::uint8_t, kStartSize> here{};
    const std::size_t size = std::min(kStartSize, first_window_.size());
    return read(0, {here.data(), size}) &&
           std::equal(here.begin(), here.begin() + size, first_window_.data()) &&
           (size == kStartSize || *map_.first_shift(index_) == 0);
  }

  // Bytes were inserted or removed at one place of the header and the first frame header. A container around
  // this one may have the same header, but not the same frame header, and has the beginning of this one
  // behind it. One that has the same options and as much data in its first frame differs in the last bytes of
  // the frame header alone, its CRC-32, and in its data.
  bool begins_apart_from_one_piece() {
    constexpr std::size_t kEnough = 4;  // bytes of the frame header
    const std::size_t size = kStartSize;
    if (first_window_.size() < size) return false;  // nothing but the header
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::min(reader_.size(), size + kMaxForeign)));
    if (bytes.size() < size || !read(0, bytes)) return false;
    const std::uint8_t* start = first_window_.data();
    const std::uint8_t* end = start + size;
    const std::uint8_t* here = bytes.data();
    const auto same = static_cast<std::size_t>(std::mismatch(start, end, here).first - start);
    const bool is_tail = same + kEnough > size;
    auto has_data = [&](std::size_t at) {
      return !is_tail || has_first_data({here + at, here + bytes.size()});
    };
    for (std::size_t removed = 0; is_tail && removed < kEnough; ++removed)
      if (has_data(size - removed)) return true;
    if (same == 0) return false;  // or what precedes the container looks like inserted bytes
    for (std::size_t inserted = 1; inserted <= bytes.size() - size; ++inserted)
      if (std::equal(start + same, end, here + same + inserted))
        return !std::equal(start, end, here + inserted) && !has_magic({here + same, inserted}) &&
               has_data(size + inserted);
    for (std::size_t removed = 1; same + removed + kEnough <= size; ++removed)
      if (std::equal(start + same + removed, end, here + same)) return true;
    return false;
  }

  // Whether these bytes begin with what follows the first frame header. The zstd frame of the data can have
  // the same first bytes as another one.
  bool has_first_data(std::span<const std::uint8_t> bytes) const {
    constexpr std::size_t kMost = 64;
    const std::size_t size = std::min(first_window_.size() - kStartSize, kMost);
    return bytes.size() >= size &&
           std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size),
                      first_window_.data() + kStartSize);
  }

  bool begins_in_place() { return *map_.first_shift(index_) == 0 && has_cell_in_place(); }

  bool ends_in_place() {
    const std::uint64_t end = map_.footer_offset() + kFooterSize;
    if (static_cast<std::int64_t>(end) + *map_.last_shift(index_) ==
        static_cast<std::int64_t>(reader_.size()))
      return true;
    std::array<std::uint8_t, kFooterSize> last{};
    return map_.trailer() && reader_.size() >= kFooterSize && read(reader_.size() - kFooterSize, last) &&
           last == map_.trailer()->footer;
  }

  bool has_cell_in_place() {
    const std::size_t cell = map_.windows().front().shape.cell();
    std::vector<std::uint8_t> bytes(cell);
    for (std::uint64_t at = 0; at + cell <= first_window_.size() && at + cell <= reader_.size(); at += cell)
      if (read(at, bytes) && std::equal(bytes.begin(), bytes.end(), first_window_.data() + at)) return true;
    return false;
  }

  // Whether the copy ends with the footer and bytes were inserted before it or inside of it. Where as many as
  // a footer were inserted into the trailer before it, the footer that the trailer has is in its place.
  bool has_footer_around(std::uint64_t at) {
    const auto& footer = map_.trailer()->footer;
    std::array<std::uint8_t, kFooterSize> here{};
    std::array<std::uint8_t, kFooterSize> last{};
    if (reader_.size() < kFooterSize || !read(at, here) || !read(reader_.size() - kFooterSize, last))
      return false;
    const auto begins = std::mismatch(here.begin(), here.end(), footer.begin()).first - here.begin();
    const auto ends = std::mismatch(last.rbegin(), last.rend(), footer.rbegin()).first - last.rbegin();
    constexpr auto kSize = static_cast<std::ptrdiff_t>(kFooterSize);
    if (begins == kSize) return ends == kSize && reader_.size() - at == 2 * kFooterSize;
    return begins + ends >= kSize;
  }

  static bool has_magic(std::span<const std::uint8_t> bytes) {
    return std::search(bytes.begin(), bytes.end(), kMagic.begin(), kMagic.end()) != bytes.end() ||
           std::search(bytes.begin(), bytes.end(), kZstdMagic.begin(), kZstdMagic.end()) != bytes.end();
  }

  bool is_foreign(const ByteRange& range) {
    if (range.empty()) return false;
    for (const std::array<std::uint8_t, 4>& magic : {kMagic, kZstdMagic})
      if (reader_.find(magic, range.begin, range.end) < range.end) return true;
    std::vector<std::uint8_t> block(kBlock);
    std::uint64_t count = 0;
    for (std::uint64_t at = range.begin; at < range.end && count <= kMaxForeign; at += block.size()) {
      block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, range.end - at)));
      if (!read(at, block)) return false;
      count += block.size() - static_cast<std::size_t>(std::count(block.begin(), block.end(), 0));
    }
    return count > kMaxForeign;
  }

  // A footer has no magic: a size that some disk could hold, and no more frames than bytes.
  bool ends_like_a_footer(const ByteRange& range) {
    std::array<std::uint8_t, kFooterSize> bytes{};
    if (range.end - range.begin < kFooterSize || !read(range.end - kFooterSize, bytes)) return false;
    const Footer footer = read_footer(bytes);
    return footer.total_size != 0 && footer.total_size >> 48 == 0 && footer.total_frames != 0 &&
           footer.total_frames <= footer.total_size;
  }

  bool read(std::uint64_t at, std::span<std::uint8_t> out) {
    return at <= reader_.size() && out.size() <= reader_.size() - at &&
           reader_.read(at, out.data(), out.size());
  }

  static Status refuse(const ByteRange& range, std::uint64_t begin, std::uint64_t end) {
    Status status = failure(
        PAXECT_ERROR_NO_PROTECTION,
        "cannot be repaired: bytes " + std::to_string(range.begin) + " to " + std::to_string(range.end) +
            " are not part of the protected container in it, which may be data of another "
            "container: to repair that one, copy the bytes from " +
            std::to_string(begin) + (end == 0 ? "" : " to " + std::to_string(end)) +
            " to a file of their own");
    status.offset = range.begin;
    return status;
  }

  const ProtectionMap& map_;
  std::size_t index_;
  CopyReader& reader_;
  std::span<const std::uint8_t> first_window_;
  std::optional<std::int64_t> moved_cell_;
};

}  // namespace

Status check_origin(const ProtectionMap& map, std::size_t index, RepairCopy& copy,
                    std::span<const std::uint8_t> first_window, CopyExtent& extent,
                    std::optional<std::int64_t> moved_cell) {
  const Status status = OriginCheck(map, index, copy.reader, first_window, moved_cell).run(extent);
  // What could not be read shows nothing.
  return copy.reader.failure().ok() ? status : copy.reader.failure();
}

Status check_same_container(const ProtectionMap& map, std::span<const RepairCopy> copies,
                            std::span<const std::string> names, WorkMeter& meter) {
  std::optional<std::size_t> with_tag;
  std::optional<std::size_t> with_trailer;
  const Trailer* known = nullptr;
  auto differ = [&](std::size_t a, std::size_t b) {
    return failure(PAXECT_ERROR_DAMAGED,
                   "cannot be repaired: " + names[a] + " and " + names[b] +
                       " are copies of different containers: repair each of them alone");
  };
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (!with_tag && map.first_shift(i)) with_tag = i;
    for (const FoundTrailer& found : copies[i].records().trailers_of_tag(map.tag())) {
      if (!meter.pass()) return meter.status();
      if (known == nullptr) {
        known = &found.trailer;
        with_trailer = i;
      }
      // Two versions of data that begin with the same window have the same tag.
      const bool same =
          known->container_size == found.trailer.container_size && known->footer == found.trailer.footer;
      if (!same && *with_trailer != i) return differ(*with_trailer, i);
    }
  }
  // A container in the data of this one has a tag of its own, which copies with records of both show. Its
  // records are further from their own offsets, where nothing was lost before them: a header and a frame
  // header precede it at least. Bytes that were removed, or a few that were inserted, move those of a copy of
  // another container.
  ProtectionTag last{};
  bool is_last_of_data = false;
  auto is_of_data = [&](const ProtectionTag& tag) {
    if (tag == last) return is_last_of_data;
    last = tag;
    is_last_of_data = false;
    for (std::size_t i = 0; i < copies.size() && !is_last_of_data; ++i) {
      if (!meter.charge(WorkMeter::kStep)) break;
      const Records& records = copies[i].records();
      is_last_of_data =
          map.first_shift(i) && !(records.of_tag(tag).empty() && records.trailers_of_tag(tag).empty());
    }
    return is_last_of_data;
  };
  auto is_other = [&](const auto& record, std::uint64_t at) {
    return record.tag != map.tag() && (at < record.offset || at - record.offset < kStartSize) &&
           !is_of_data(record.tag);
  };
  if (!with_tag) return {};  // the map has no places
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (map.first_shift(i)) continue;
    bool has_other = false;
    for (const FoundList& found : copies[i].records().lists)
      has_other = has_other || (meter.pass() && is_other(found.header, found.at));
    for (const FoundTrailer& found : copies[i].records().trailers)
      has_other = has_other || (meter.pass() && is_other(found.trailer, found.at));
    if (!meter.status().ok()) return meter.status();
    if (has_other) return differ(*with_tag, i);
  }
  return {};
}

}  // namespace paxect::core
