#include "protect/window_lists.h"

#include <algorithm>
#include <utility>

#include "digest.h"

namespace paxect::core {
namespace {

constexpr unsigned kMaxAttempts = 1024;  // to load one: 8 copies of it in 64 copies of the container, twice
static_assert(kMaxAttempts < WindowLists::kOfRecord);

}  // namespace

void WindowLists::load(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies) {
  shape_ = plan.window.shape;
  pieces_.assign(static_cast<std::size_t>(shape_.pieces()), {});
  std::vector<std::vector<FoundPiece>> found;
  found.reserve(copies.size());
  for (RepairCopy& copy : copies) found.push_back(load_found(map, plan, copy));
  // Copies without any records have garbage there, which must not take the room of lists.
  for (const bool with_records : {true, false})
    for (std::size_t i = 0; i < copies.size(); ++i)
      if ((map.records_in(i) != 0) == with_records) load_in_place(map, plan, i, copies[i], found[i]);
}

// The pieces of each list whose header was found.
std::vector<WindowLists::FoundPiece> WindowLists::load_found(const ProtectionMap& map, const WindowPlan& plan,
                                                             RepairCopy& copy) {
  std::vector<FoundPiece> pieces(piece_index(shape_.list_copies(), 0));
  for (const FoundList& found : copy.records().of_window(map.tag(), plan.window.number)) {
    if (!copy.reader.charge(WorkMeter::kRecord)) break;
    if (found.header.window != plan.window || found.header.copy >= shape_.list_copies()) continue;
    const std::uint64_t piece = found.header.first / kPieceEntries;
    FoundPiece& known = pieces[piece_index(found.header.copy, piece)];
    if (known.count == kMaxFound) continue;
    known.at[known.count++] = found.at;
    if (load_piece(copy.reader, piece, found.at + kListHeaderSize, kOfRecord)) pieces_[piece].is_list = true;
  }
  return pieces;
}

// Those of which no record is used: one that was written over other bytes says nothing about the piece at its
// place. One that was moved by a few bytes does: there its entries would be read as those of other cells.
void WindowLists::load_in_place(const ProtectionMap& map, const WindowPlan& plan, std::size_t index,
                                RepairCopy& copy, const std::vector<FoundPiece>& found) {
  for (unsigned list = 0; list < shape_.list_copies(); ++list) {
    std::uint64_t at = list == 0   ? plan.own.own_list
                       : list == 1 ? plan.next.list
                                   : plan.next.lists + (list - 2) * shape_.list_size();
    std::int64_t shift = charged_shifts(map, index, copy, at, at + shape_.list_size()).front();
    for (std::uint64_t piece = 0; piece < shape_.pieces(); at += shape_.piece_size(piece), ++piece) {
      std::uint64_t place = 0;
      if (copy.find(at + kListHeaderSize, shift, 4 * shape_.piece_entries(piece), place) &&
          !found[piece_index(list, piece)].overlaps(place - kListHeaderSize, shape_.piece_size(piece)))
        load_piece(copy.reader, piece, place, 1);
    }
  }
}

// False when it cannot be read.
bool WindowLists::load_piece(CopyReader& reader, std::uint64_t number, std::uint64_t at, unsigned votes) {
  Piece& piece = pieces_[static_cast<std::size_t>(number)];
  std::vector<std::uint8_t> entries(4 * shape_.piece_entries(number));
  if (at > reader.size() || entries.size() > reader.size() - at) return false;
  if (piece.variants.size() == kMaxVariants || ++piece.attempts > kMaxAttempts) return false;
  if (!reader.read(at, entries.data(), entries.size())) return false;
  const std::uint32_t crc = crc32(entries.data(), entries.size());
  auto known = std::find_if(piece.variants.begin(), piece.variants.end(), [&](const Variant& variant) {
    return variant.crc == crc && variant.entries == entries;
  });
  if (known == piece.variants.end())
    piece.variants.push_back({std::move(entries), crc, votes});
  else
    known->votes += votes;
  return true;
}

std::ptrdiff_t WindowLists::count(std::uint64_t cell, Counts& counts) const {
  const auto begin = counts.begin();
  auto end = begin;
  for (const Variant& variant : piece_of(cell).variants) {
    const std::uint32_t crc = entry(variant, cell);
    auto same = std::find_if(begin, end, [&](const auto& other) { return other.second == crc; });
    if (same == end) *end++ = {0, crc};
    same->first += variant.votes;
  }
  return end - begin;
}

std::optional<std::uint32_t> WindowLists::majority(std::uint64_t cell) const {
  Counts counts;
  const auto end = counts.begin() + count(cell, counts);
  const auto best = std::max_element(counts.begin(), end);
  if (best == end) return {};
  const auto as_many =
      std::count_if(counts.begin(), end, [&](const auto& c) { return c.first == best->first; });
  return as_many == 1 ? std::optional(best->second) : std::nullopt;
}

unsigned WindowLists::votes(std::uint64_t cell, std::uint32_t crc) const {
  unsigned count = 0;
  for (const Variant& variant : piece_of(cell).variants)
    if (entry(variant, cell) == crc) count += variant.votes;
  return count;
}

bool WindowLists::is_most(std::uint64_t cell, std::uint32_t crc) const {
  const unsigned own = votes(cell, crc);
  Counts counts;
  const auto end = counts.begin() + count(cell, counts);
  return own != 0 && std::all_of(counts.begin(), end, [&](const auto& c) { return c.first <= own; });
}

bool WindowLists::is_only(std::uint64_t cell, std::uint32_t crc) const {
  const std::vector<Variant>& variants = piece_of(cell).variants;
  return std::all_of(variants.begin(), variants.end(),
                     [&](const Variant& variant) { return entry(variant, cell) == crc; });
}

}  // namespace paxect::core
