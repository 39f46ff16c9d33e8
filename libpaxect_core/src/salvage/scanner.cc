#include "salvage/scanner.h"

#include <algorithm>

#include "digest.h"
#include "salvage/layout.h"

namespace paxect::core {
namespace {

// What examining traces that overlap may cost, as a multiple of the copy's size and as a sum always allowed.
constexpr std::uint64_t kOverlapFactor = 16;
constexpr std::uint64_t kOverlapAlways = 64 << 20;

// How far from the end a footer is looked for byte by byte when the frames do not lead to it.
constexpr std::uint64_t kFooterSearch = 1 << 20;

constexpr std::uint64_t kLeastFrame = kFrameHeaderSize + 10;  // a byte of data as zstd puts it

template <std::size_t kSize>
std::span<const std::uint8_t, kSize> fixed(std::span<const std::uint8_t> bytes) {
  return bytes.first<kSize>();
}

}  // namespace

Status Scanner::scan(CopyReader& reader, const Progress& progress, CopyIndex& out) {
  reader_ = &reader;
  index_ = &out;
  examined_ = overlapping_ = refused_ = data_size_ = 0;
  unbroken_ = true;
  trouble_ = {};
  out = {};
  out.size = reader.size();
  out.header_found = header_before(kHeaderSize, out.header);
  std::uint64_t at = out.size > kHeaderSize ? kHeaderSize : 0;
  bool ended = false;
  while (!ended && at < out.size && reader.trouble().ok() && trouble_.ok()) {
    trouble_ = progress(at);
    if (!trouble_.ok()) break;
    Step step = follow(at);
    if (step == Step::kTaken) continue;
    Sighting ruined;
    if (step == Step::kRuins) {
      at = search(out.sightings.back().payload, resume_);
    } else if ((ended = take_footer(at))) {
      break;
    } else if (read_header_only(at, ruined)) {
      append(ruined, true);
      at = ruined.end();
    } else {
      std::uint64_t floor = out.sightings.empty() ? 0 : at;
      at = search(floor, floor);
    }
  }
  if (!reader.trouble().ok()) return reader.trouble();
  if (!trouble_.ok()) return trouble_;
  if (!ended) find_last_footer();
  find_header();
  out.unreadable = reader.unreadable();
  return reader.trouble();
}

// Takes the frame that begins right here, if one does, and goes on to its end; notes the ruins of one that
// leads nowhere.
Scanner::Step Scanner::follow(std::uint64_t& at) {
  Sighting found;
  std::uint64_t payload = at + kFrameHeaderSize;
  if (payload >= index_->size) return Step::kNothing;
  resume_ = payload + kZstdMagic.size();
  if (!examine(payload, at, found)) {
    refused_ = payload;
    return Step::kNothing;
  }
  found.end_known = found.finding != Finding::kRuined || something_begins(found.end());
  append(found, true);
  if (!found.end_known) return Step::kRuins;
  at = found.end();
  return Step::kTaken;
}

// Takes the next frame whose payload begins at or after `from`, and says where it ends; what is certainly a
// frame but leads nowhere is noted on the way. Nothing begins before `floor`.
std::uint64_t Scanner::search(std::uint64_t floor, std::uint64_t from) {
  while (reader_->trouble().ok() && trouble_.ok()) {
    std::uint64_t payload = reader_->find_zstd_magic(from);
    if (payload == CopyReader::kNowhere) break;
    from = resume_ = payload + kZstdMagic.size();
    Sighting found;
    if (payload == refused_ || !examine(payload, floor, found)) {
      from = resume_;
      continue;
    }
    from = resume_;
    bool ruined = found.finding == Finding::kRuined;
    if (!ruined && !supported(found)) continue;
    found.end_known = !ruined || something_begins(found.end());
    append(found, false);
    if (found.end_known) return found.end();
    floor = payload;
  }
  return index_->size;
}

// Looks whether a payload begins here; `floor` is where the frame before ends. True for a frame, or the ruins
// of one.
bool Scanner::examine(std::uint64_t payload, std::uint64_t floor, Sighting& found) {
  ++work_.traces;
  ZstdStart start;
  if (!read_zstd_start(reader_->look(payload, kZstdStartSize), start)) return false;
  found = {};
  found.payload = payload;
  found.has_header = payload >= floor + kFrameHeaderSize;
  found.start = found.has_header ? payload - kFrameHeaderSize : floor;
  if (start.content == 0) return examine_extension(found);
  return examine_data(start, found);
}

bool Scanner::examine_data(const ZstdStart& start, Sighting& found) {
  FrameHeader header;
  if (found.has_header) {
    auto bytes = reader_->look(found.start, kFrameHeaderSize);
    if (bytes.size() < kFrameHeaderSize) return false;
    header = read_frame_header(fixed<kFrameHeaderSize>(bytes));
  }
  bool plain = found.has_header && header.ulen == start.content && sane(header);
  bool allowed = start.content <= max_frame_;
  if (!allowed && !plain) return false;
  if (!allowed) ++index_->over_limit;
  found.channel = header.channel;
  found.crc_field = header.crc;
  found.ulen = static_cast<std::uint32_t>(start.content);
  found.clen = header.clen;
  found.sound = plain;
  if (allowed && plain && decode(found)) return true;
  std::uint64_t size = index_->search_limited ? 0 : measure(found.payload, start);
  bool agrees = plain && size == header.clen;
  if (allowed && size != 0 && !agrees) {
    found.clen = static_cast<std::uint32_t>(size);
    found.sound = false;
    if (decode(found)) return true;
  }
  if (!plain) return false;
  found.finding = Finding::kRuined;
  found.sound = true;
  found.end_likely = agrees;
  if (agrees || size == 0 || !something_begins(found.payload + size)) found.clen = header.clen;
  return true;
}

bool Scanner::examine_extension(Sighting& found) {
  auto prefix = reader_->look(found.payload, kExtensionPrefixSize);
  if (prefix.size() < kExtensionPrefixSize) return false;
  FrameHeader header;
  auto length = prefix.last<4>();
  header.clen = static_cast<std::uint32_t>(length[0] | length[1] << 8 | length[2] << 16) |
                static_cast<std::uint32_t>(length[3]) << 24;
  if (index_->size - found.payload - kExtensionPrefixSize < header.clen) return false;
  header.clen += static_cast<std::uint32_t>(kExtensionPrefixSize);
  if (header.clen < kExtensionPrefixSize ||
      !check_extension(header, fixed<kExtensionPrefixSize>(prefix)).ok())
    return false;
  found.finding = Finding::kExtension;
  found.clen = header.clen;
  if (found.has_header) {
    FrameHeader said =
        read_frame_header(fixed<kFrameHeaderSize>(reader_->look(found.start, kFrameHeaderSize)));
    if (said.ulen == 0 && said.crc == 0 && said.channel == 0 && said.clen == header.clen) return true;
  }
  return something_begins(found.end());
}

// Whether payload and data are a whole frame; sets what is known of it then.
bool Scanner::decode(Sighting& found) {
  if (found.clen > index_->size - found.payload || found.clen < least_payload(found.ulen)) return false;
  auto room = [](Buffer& buffer, std::size_t size) {
    return buffer.capacity() >= size || buffer.reserve(size + size / 8);
  };
  if (!room(payload_, found.clen)) {
    trouble_ = failure(PAXECT_ERROR_MEMORY,
                       "out of memory for a payload of " + std::to_string(found.clen) + " bytes");
    return false;
  }
  if (!reader_->read(found.payload, payload_.data(), found.clen)) return false;
  FrameHeader header{found.channel, found.clen, found.ulen, found.crc_field};
  if (!check_payload(header, payload_.data()).ok()) {
    charge(found.payload, found.clen, found.clen);
    return false;
  }
  if (!room(data_, found.ulen)) {
    trouble_ =
        failure(PAXECT_ERROR_MEMORY, "out of memory for a frame of " + std::to_string(found.ulen) + " bytes");
    return false;
  }
  work_.data += found.ulen;
  Status status = decompressor_.decompress(header, payload_.data(), data_.data());
  if (status.ok()) {
    found.finding = Finding::kConfirmed;
    found.crc_data = found.crc_field;
  } else if (status.code == PAXECT_ERROR_CRC) {
    found.finding = Finding::kUnconfirmed;
    found.crc_data = crc32(data_.data(), found.ulen);
  } else if (status.code == PAXECT_ERROR_MEMORY) {
    trouble_ = status;
    return false;
  } else {
    charge(found.payload, found.clen, std::uint64_t{found.clen} + found.ulen);
    return false;
  }
  examined_ = std::max(examined_, found.end());
  return true;
}

// The length of the zstd frame by its blocks; 0 when they do not hold together.
std::uint64_t Scanner::measure(std::uint64_t payload, const ZstdStart& start) {
  ZstdBlocks blocks(start);
  while (!blocks.ended()) {
    ++work_.blocks;
    auto header = reader_->look(payload + blocks.at(), kZstdBlockHeaderSize);
    if (header.size() == kZstdBlockHeaderSize && blocks.next(fixed<kZstdBlockHeaderSize>(header)) &&
        blocks.at() <= index_->size - payload)
      continue;
    charge(payload, blocks.at(), blocks.at());
    return 0;
  }
  return blocks.size();
}

// A trace that spans so much came to nothing. What only one trace claims is in proportion to the copy.
void Scanner::charge(std::uint64_t payload, std::uint64_t span, std::uint64_t cost) {
  if (payload < examined_) overlapping_ += cost;
  examined_ = std::max(examined_, payload + span);
  if (index_->search_limited) resume_ = std::max(resume_, payload + span);
  if (overlapping_ > kOverlapAlways + kOverlapFactor * index_->size) index_->search_limited = true;
}

bool Scanner::sane(const FrameHeader& header) const {
  return header.channel < kMaxChannels && header.ulen != 0 && header.clen >= least_payload(header.ulen) &&
         header.clen <= payload_bound(header.ulen);
}

// The ruins of a frame whose payload does not even begin like one, when its header leads to something.
bool Scanner::read_header_only(std::uint64_t start, Sighting& found) {
  auto bytes = reader_->look(start, kFrameHeaderSize);
  if (bytes.size() < kFrameHeaderSize) return false;
  FrameHeader header = read_frame_header(fixed<kFrameHeaderSize>(bytes));
  if (!sane(header)) return false;
  found = {};
  found.start = start;
  found.payload = start + kFrameHeaderSize;
  found.has_header = true;
  found.sound = true;
  found.channel = header.channel;
  found.clen = header.clen;
  found.ulen = header.ulen;
  found.crc_field = header.crc;
  return something_begins(found.end());
}

// Whether a frame, the footer or the end of the file is at this place, by a look at it.
bool Scanner::something_begins(std::uint64_t offset) {
  if (offset >= index_->size) return offset == index_->size;
  Footer footer;
  if (maybe_footer(offset, footer)) return true;
  auto bytes = reader_->look(offset, kFrameHeaderSize + kZstdStartSize);
  ZstdStart start;
  if (bytes.size() <= kFrameHeaderSize || !read_zstd_start(bytes.subspan(kFrameHeaderSize), start))
    return false;
  FrameHeader header = read_frame_header(fixed<kFrameHeaderSize>(bytes));
  return header.ulen == start.content && header.channel < kMaxChannels;
}

// Whether a frame that was come across, not led to, is one of this container rather than one that happens to
// lie in its data.
bool Scanner::supported(const Sighting& found) {
  if (found.finding != Finding::kUnconfirmed) return true;
  if (found.has_header) {
    auto bytes = reader_->look(found.start, kFrameHeaderSize);
    if (bytes.size() < kFrameHeaderSize) return false;
    FrameHeader header = read_frame_header(fixed<kFrameHeaderSize>(bytes));
    if (header.ulen == found.ulen || header.clen == found.clen) return true;
  }
  bool usual = !index_->sightings.empty() && index_->sightings.front().ulen == found.ulen;
  return usual || something_begins(found.end());
}

bool Scanner::header_before(std::uint64_t offset, Header& header) {
  return offset >= kHeaderSize && read_header(reader_->look(offset - kHeaderSize, kHeaderSize), header).ok();
}

// Whether these bytes can be a footer by their size alone: random ones hardly ever are.
bool Scanner::maybe_footer(std::uint64_t offset, Footer& footer) {
  auto bytes = reader_->look(offset, kFooterSize);
  if (bytes.size() < kFooterSize) return false;
  footer = read_footer(fixed<kFooterSize>(bytes));
  if (footer.total_size == 0) return footer.digest == kEmptyDigest;
  std::uint64_t frames = footer.total_frames;
  return frames != 0 && frames <= index_->size / kLeastFrame + 1 && footer.total_size / frames <= UINT32_MAX;
}

// Notes what may be a footer; true when it is certainly the end.
bool Scanner::take_footer(std::uint64_t offset) {
  Footer footer;
  if (offset + kFooterSize ==
      index_->size) {  // its counts may be damaged, and its digest still prove something
    index_->footers.push_back({offset, read_footer(fixed<kFooterSize>(reader_->look(offset, kFooterSize)))});
    return true;
  }
  if (!maybe_footer(offset, footer)) return false;
  index_->footers.push_back({offset, footer});
  return unbroken_ && footer.total_frames == index_->sightings.size() && footer.total_size == data_size_;
}

// When the last frame does not lead to it: at the very end, or, if the file goes on behind it, wherever the
// counts fit exactly.
void Scanner::find_last_footer() {
  if (index_->size < kFooterSize) return;
  std::uint64_t last = index_->size - kFooterSize;
  std::uint64_t begin = index_->sightings.empty() ? 0 : index_->sightings.back().payload;
  if (last < begin) return;
  Footer footer;
  take_footer(last);
  std::uint64_t usual = index_->header_found ? index_->header.frame_size : 0;
  if (maybe_footer(last, footer) || usual == 0 || data_size_ == 0) return;
  std::uint64_t least = last - std::min(last - begin, kFooterSearch);
  for (std::uint64_t at = last; at > least;) {
    --at;
    if (!maybe_footer(at, footer) || footer.total_size < data_size_) continue;
    if ((footer.total_size + usual - 1) / usual != footer.total_frames) continue;
    index_->footers.push_back({at, footer});
    return;
  }
}

// When it is not at the beginning: right before the first frame.
void Scanner::find_header() {
  if (index_->header_found || index_->sightings.empty()) return;
  std::uint64_t first = index_->sightings.front().start;
  index_->header_found = header_before(first, index_->header);
  if (index_->header_found) index_->header_offset = first - kHeaderSize;
}

void Scanner::append(Sighting found, bool joined) {
  Header header;
  found.joined = joined;
  found.after_header = !joined && header_before(found.start, header);
  if (found.finding != Finding::kExtension) data_size_ += found.ulen;
  unbroken_ = unbroken_ && joined && found.end_known;
  index_->sightings.push_back(found);
}

Status Scanner::load(CopyReader& reader, const Sighting& sighting, std::span<const std::uint8_t>& data) {
  reader_ = &reader;
  CopyIndex scratch;
  scratch.size = reader.size();
  index_ = &scratch;
  trouble_ = {};
  Sighting found = sighting;
  bool good = decode(found) && found.crc_data == sighting.crc_data;
  if (!reader.trouble().ok()) return reader.trouble();
  if (!trouble_.ok()) return trouble_;
  if (!good)
    return {PAXECT_ERROR_READ, sighting.start, 0,
            "copy: changed while it was read, or its medium is failing"};
  data = {data_.data(), found.ulen};
  return {};
}

}  // namespace paxect::core
