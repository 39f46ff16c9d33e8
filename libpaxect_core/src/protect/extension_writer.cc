#include "protect/extension_writer.h"

#include <algorithm>
#include <array>
#include <limits>

namespace paxect::core {
namespace {

// The bytes of one frame, whose place is that in the container.
class FrameBytes {
 public:
  FrameBytes(const Callbacks& callbacks, const ProtectionTag& tag, std::uint64_t offset)
      : callbacks_(callbacks), tag_(tag), at_(offset) {}

  void start(std::uint64_t size) {
    std::array<std::uint8_t, kFrameHeaderSize + kExtensionPrefixSize> bytes;
    write_extension_start(size, bytes);
    put(bytes.data(), bytes.size());
  }
  void trailer(Trailer trailer, std::uint8_t copy) {
    trailer.tag = tag_;
    trailer.copy = copy;
    trailer.offset = at_;
    std::array<std::uint8_t, kTrailerSize> bytes;
    write_trailer(trailer, bytes);
    put(bytes.data(), bytes.size());
  }
  void list(const WindowCode& code, unsigned copy) {
    const WindowShape& shape = code.window().shape;
    for (std::uint64_t piece = 0; piece < shape.pieces(); ++piece) {
      std::uint64_t end = at_ + shape.piece_size(piece);
      ListHeader header{.tag = tag_,
                        .offset = at_,
                        .window = code.window(),
                        .first = static_cast<std::uint32_t>(piece * kPieceEntries),
                        .entries = static_cast<std::uint16_t>(shape.piece_entries(piece)),
                        .copy = static_cast<std::uint8_t>(copy)};
      std::array<std::uint8_t, kListHeaderSize> bytes;
      write_list_header(header, bytes);
      put(bytes.data(), bytes.size());
      put(code.list() + std::size_t{4} * header.first, std::size_t{4} * header.entries);
      fill(end);
    }
  }
  void parity(const WindowCode& code) { put(code.parity().data(), code.parity().size()); }
  void fill(std::uint64_t end) {
    static constexpr std::array<std::uint8_t, std::size_t{1} << kMaxCellBits> kZeros{};
    put(kZeros.data(), static_cast<std::size_t>(end - at_));
  }
  const Status& status() const { return status_; }

 private:
  void put(const std::uint8_t* bytes, std::size_t size) {
    if (status_.ok()) status_ = callbacks_.write(bytes, size);
    at_ += size;
  }

  const Callbacks& callbacks_;
  const ProtectionTag& tag_;
  std::uint64_t at_;
  Status status_;
};

}  // namespace

Status write_extension(const Callbacks& callbacks, const ProtectionTag& tag, std::uint64_t offset,
                       const WindowCode* own, const WindowCode* earlier, const Trailer* trailer,
                       std::uint64_t& size) {
  ExtensionLayout layout = lay_out(offset, own == nullptr ? nullptr : &own->window(),
                                   earlier == nullptr ? nullptr : &earlier->window());
  size = layout.size();
  if (size - kFrameHeaderSize > std::numeric_limits<std::uint32_t>::max())
    return failure(PAXECT_ERROR_PARAMETER,
                   "parity of more than 4294967295 bytes: use smaller frames or less protection");
  std::uint8_t trailer_copy = own == nullptr ? 2 : 0;
  FrameBytes frame(callbacks, tag, offset);
  frame.start(size);
  if (layout.first_trailer) frame.trailer(*trailer, trailer_copy);
  frame.fill(layout.own_list);
  if (own != nullptr) frame.list(*own, 0);
  if (earlier != nullptr) {
    frame.list(*earlier, 1);
    frame.parity(*earlier);
    for (unsigned copy = 2; copy < earlier->window().shape.list_copies(); ++copy) frame.list(*earlier, copy);
  }
  if (layout.second_trailer) frame.trailer(*trailer, trailer_copy + 1);
  frame.fill(layout.end);
  return frame.status();
}

}  // namespace paxect::core
