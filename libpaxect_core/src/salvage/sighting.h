// What a scan finds in one copy: compact records, one for each frame, in the order of the file. Values; no
// thread rules.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "format.h"
#include "salvage/zstd_extent.h"

namespace paxect::core {

enum class Finding : std::uint8_t {
  kConfirmed,    // decompresses, and the CRC-32 agrees
  kUnconfirmed,  // decompresses to the right size, but the CRC-32 differs: data or CRC field is damaged
  kRuined,       // a frame stood here, so much is sure, but its data is gone
  kExtension,    // holds no data
};

struct Sighting {
  std::uint64_t start = 0;    // of the frame header in the copy, or where the previous frame ends if later
  std::uint64_t payload = 0;  // of the payload in the copy
  std::uint64_t slot = 0;     // number of the data frame; set by placement
  std::uint32_t clen = 0;
  std::uint32_t ulen = 0;
  std::uint32_t crc_field = 0;  // as the frame header says
  std::uint32_t crc_data = 0;   // of the data; 0 when ruined
  std::uint16_t channel = 0;    // as the frame header says
  Finding finding = Finding::kRuined;
  ZstdStartForm start_form =
      ZstdStartForm::kStored;   // else the payload's first bytes are to be written like this
  bool end_known : 1 = true;    // else the end is what the frame header claims, unproven
  bool end_likely : 1 = false;  // unproven, but the blocks of the payload claim the same end
  bool joined : 1 = false;      // begins exactly where the one before ends
  bool has_header : 1 = false;  // all 14 bytes lie behind the frame before
  bool sound : 1 = false;    // the lengths in the header agree with the payload: so does the channel, likely
  bool placed : 1 = false;   // slot is certain, not estimated
  bool foreign : 1 = false;  // belongs to another container; set by identify()
  bool misfit : 1 = false;   // of a length that no frame has there; set by placement
  bool parted : 1 = false;   // frames may be missing right before it, even if joined; set by placement

  std::uint64_t end() const { return payload + clen; }
  bool has_data() const { return finding == Finding::kConfirmed || finding == Finding::kUnconfirmed; }
  bool takes_slot() const { return finding != Finding::kExtension && !foreign && !misfit; }
};

// A container header at the beginning of the copy, or directly before a frame.
struct HeaderSighting {
  std::uint64_t offset = 0;
  Header header;

  std::uint64_t end() const { return offset + kHeaderSize; }
};

struct FooterSighting {
  std::uint64_t offset = 0;
  Footer footer;
  bool likely = false;  // its counts can be those of a footer; those of random bytes hardly ever can

  std::uint64_t end() const { return offset + kFooterSize; }
};

struct CopyIndex {
  std::uint64_t size = 0;  // of the file
  std::uint64_t unreadable = 0;
  bool search_limited = false;   // so many false traces that the search took only the plain ones in the end
  std::uint64_t over_limit = 0;  // frames that are larger than the caller allows
  std::vector<Sighting> sightings;
  std::vector<HeaderSighting> headers;  // by offset
  std::vector<FooterSighting> footers;  // by offset; what may be one

  // Set by identify(): what belongs to the container that this copy is taken for.
  bool header_found = false;
  std::uint64_t header_offset = 0;
  Header header;
  std::size_t own_footer = kNoFooter;  // in `footers`
  bool complete = false;   // frames without a break from the first to the own footer, with exactly its counts
  bool intact = false;     // complete, from a header at the first byte to the last byte of the copy
  bool front = false;      // its first frame, or its footer if it is empty, is where those of a container are
  bool ended = false;      // nothing but the copy's end follows its footer, or its header is the copy's
  bool contested = false;  // another container in the copy has as good a claim to be the one
  static constexpr std::uint64_t kNoRival = UINT64_MAX;
  std::uint64_t rival_offset = kNoRival;  // of the header of one that is outside of this container
  std::uint64_t foreign = 0;              // frames and footers set aside
  std::uint64_t foreign_offset = 0;       // of the first of them

  static constexpr std::size_t kNoFooter = SIZE_MAX;
  // The footer at this offset; kNoFooter when there is none.
  std::size_t footer_at(std::uint64_t offset) const {
    auto found = std::lower_bound(footers.begin(), footers.end(), offset,
                                  [](const FooterSighting& f, std::uint64_t at) { return f.offset < at; });
    bool here = found != footers.end() && found->offset == offset;
    return here ? static_cast<std::size_t>(found - footers.begin()) : kNoFooter;
  }
  const FooterSighting* footer() const { return own_footer == kNoFooter ? nullptr : &footers[own_footer]; }
};

}  // namespace paxect::core
