// The layout of a container, derived from what was found of it: header fields count only as far as the frames
// confirm them. Functions of values; no thread rules.
#pragma once

#include <cstdint>
#include <vector>

#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

// SHA-256 of the empty string.
inline constexpr Digest kEmptyDigest = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
                                        0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
                                        0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

struct Layout {
  std::uint32_t frame_size = 0;     // 0: unknown, since neither a frame nor a header was found
  bool frame_size_certain = false;  // the header or two frames have it
  std::uint64_t confirmed = 0;      // frames of that size that are
  std::uint32_t channels = 1;
  bool channels_certain = false;  // else they may be more
  bool header_agrees = false;     // a header was found and agrees
  bool footer_known = false;      // its counts are plausible
  Footer footer;
  std::uint64_t capacity = 0;  // max bytes of data that the copies can have held

  // Number of data frames, when the footer is known.
  std::uint64_t frames() const {
    return frame_size == 0 ? 0 : footer.total_size / frame_size + (footer.total_size % frame_size != 0);
  }
  // Bytes of data in a frame; `slot` < frames().
  std::uint64_t length(std::uint64_t slot) const {
    return slot + 1 < frames() ? frame_size : footer.total_size - slot * frame_size;
  }
};

// The most data that a file of so many bytes can hold: 128 KiB in a zstd block of 4 bytes.
std::uint64_t max_data(std::uint64_t file_size);

// The layout of one copy, from its own frames and footer. `capacity` is that of all copies together.
// Incomplete when `meter` stops.
Layout derive_layout(const CopyIndex& copy, std::uint64_t capacity, WorkMeter& meter);

// Whether footers can be those of a container with this layout. What the frames of the copy say about it is
// found once, for any number of footers.
class FooterCheck {
 public:
  // `layout` and `copy` must live as long as this.
  FooterCheck(const Layout& layout, const CopyIndex& copy, WorkMeter& meter);
  // `footer` is that of the sighting, corrected where the frames show how.
  bool fits(const FooterSighting& sighting, Footer& footer) const;

 private:
  struct End {
    std::uint64_t offset = 0;
    std::size_t data = kNoData;  // the last frame with data that is not behind it
  };
  static constexpr std::size_t kNoData = SIZE_MAX;

  Footer corrected(const FooterSighting& sighting) const;
  bool plausible(const Footer& footer) const;

  const Layout& layout_;
  const CopyIndex& copy_;
  std::vector<End> ends_;  // rising; of each frame that no later one ends before
  bool joined_ = true;     // no frame is missing between the others
  std::uint64_t frames_ = 0;
  std::uint64_t extensions_ = 0;
  std::uint64_t data_ = 0;
};

// Whether the number of frames is that of the total size, extension frames aside.
bool counts_agree(const Footer& footer, std::uint32_t frame_size, std::uint64_t file_size);
// The layout of several copies that belong together: each field by the confirmed frames of the copies that
// have it, and where these are equal by the number of copies. The order of the copies does not matter.
Layout agree(const std::vector<Layout>& layouts);

}  // namespace paxect::core
