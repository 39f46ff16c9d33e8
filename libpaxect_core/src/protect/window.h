// The geometry of protection, as FORMAT.md specifies it: a window's cells, code words and list pieces, and
// what an extension frame holds at which offset. Values; nothing here reads, writes or allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace paxect::core {

inline constexpr unsigned kMinProtect = 1;  // percent
inline constexpr unsigned kMaxProtect = 50;

inline constexpr unsigned kMinCellBits = 6;
inline constexpr unsigned kMaxCellBits = 12;
inline constexpr std::uint64_t kFullWindowCells = 4096;
inline constexpr std::uint32_t kFullWindowWords = 32;
inline constexpr unsigned kMaxDataCells = 128;    // of a code word
inline constexpr unsigned kMaxParityCells = 127;  // of a code word

inline constexpr std::size_t kListHeaderSize = 64;
inline constexpr std::size_t kPieceEntries = 1008;
inline constexpr std::size_t kTrailerSize = 112;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// What a container has of it: percent, 0 for none, and bytes of its extension frames.
struct Protection {
  unsigned percent = 0;
  std::uint64_t size = 0;
};

// A window, apart from where it is.
struct WindowShape {
  std::uint64_t length = 0;  // bytes
  std::uint32_t words = 0;
  std::uint8_t cell_bits = 0;
  std::uint8_t parity = 0;  // cells of a code word
  std::uint8_t percent = 0;

  bool operator==(const WindowShape&) const = default;

  std::size_t cell() const { return std::size_t{1} << cell_bits; }
  std::uint64_t data_cells() const { return (length + cell() - 1) >> cell_bits; }
  std::uint64_t parity_cells() const { return std::uint64_t{words} * parity; }
  std::uint64_t all_cells() const { return data_cells() + parity_cells(); }
  std::uint64_t parity_size() const { return parity_cells() << cell_bits; }
  // Data cells of the code word, the first of which are longer than the last.
  unsigned word_cells(std::uint32_t word) const {
    return static_cast<unsigned>((data_cells() - word + words - 1) / words);
  }

  unsigned list_copies() const { return 3u + percent / 10u; }
  std::uint64_t pieces() const { return (all_cells() + kPieceEntries - 1) / kPieceEntries; }
  std::size_t piece_entries(std::uint64_t piece) const;
  std::uint64_t piece_size(std::uint64_t piece) const {
    return round_up(kListHeaderSize + 4 * piece_entries(piece), cell());
  }
  std::uint64_t list_size() const;  // of one copy

  // Whether an encoder can have made it: what is computed from it does not overflow, and each code word has a
  // data cell, a parity cell, and no more of them than the code allows.
  bool possible() const;
};

// The shape of a window of so many bytes, at least 1. `only`: it is the only one of its container.
WindowShape choose_shape(std::uint64_t length, unsigned percent, bool only);

// Whether a frame of `size` bytes ends the window of `length` bytes before it.
bool window_is_full(std::uint64_t length, std::uint64_t size);

// A window of a container.
struct Window {
  WindowShape shape;
  std::uint64_t offset = 0;  // in the container
  std::uint32_t number = 0;
  bool last = false;

  bool operator==(const Window&) const = default;
  std::uint64_t end() const { return offset + shape.length; }
};

// The extension frame behind a window: offsets in the container, of its parts in this order. A part that it
// does not have is empty.
struct ExtensionLayout {
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> first_trailer;
  std::uint64_t own_list = 0;  // copy 0 of the list of the window before it
  std::uint64_t list = 0;      // copy 1 of the list of the window before that one
  std::uint64_t parity = 0;    // of that window
  std::uint64_t lists = 0;     // the other copies
  std::optional<std::uint64_t> second_trailer;
  std::uint64_t end = 0;

  std::uint64_t size() const { return end - offset; }
};

// `own`: the window that ends where the frame begins; nullptr behind the last window's own frame.
// `earlier`: the window whose parity the frame holds, or nullptr.
ExtensionLayout lay_out(std::uint64_t offset, const Window* own, const Window* earlier);

}  // namespace paxect::core
