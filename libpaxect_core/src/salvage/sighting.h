// What a scan finds in one copy: compact records, one for each frame, in the order of the file. Values; no
// thread rules.
#pragma once

#include <cstdint>
#include <vector>

#include "format.h"

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
  bool end_known : 1 = true;    // else the end is what the frame header claims, unproven
  bool end_likely : 1 = false;  // unproven, but the blocks of the payload claim the same end
  bool joined : 1 = false;      // begins exactly where the one before ends
  bool has_header : 1 = false;  // all 14 bytes lie behind the frame before
  bool sound : 1 = false;  // the lengths in the header agree with the payload: so does the channel, likely
  bool after_header : 1 = false;  // a container header stands right before it
  bool placed : 1 = false;        // slot is certain, not estimated
  bool foreign : 1 = false;       // cannot belong to this container

  std::uint64_t end() const { return payload + clen; }
  bool has_data() const { return finding == Finding::kConfirmed || finding == Finding::kUnconfirmed; }
  bool takes_slot() const { return finding != Finding::kExtension && !foreign; }
};

struct FooterSighting {
  std::uint64_t offset = 0;
  Footer footer;
};

struct CopyIndex {
  std::uint64_t size = 0;  // of the file
  std::uint64_t unreadable = 0;
  bool search_limited = false;   // so many false traces that the search took only the plain ones in the end
  std::uint64_t over_limit = 0;  // frames that are larger than the caller allows
  bool header_found = false;
  std::uint64_t header_offset = 0;
  Header header;
  std::vector<Sighting> sightings;
  std::vector<FooterSighting> footers;  // what may be one; which is decided later
};

}  // namespace paxect::core
