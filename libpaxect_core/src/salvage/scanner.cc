#include "salvage/scanner.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "digest.h"
#include "salvage/layout.h"

namespace paxect::core {
namespace {

// How far from the end to search for a footer byte by byte when the frames do not lead to it.
constexpr std::uint64_t kFooterSearch = CopyReader::kSearchSize - kFooterSize;

constexpr std::uint64_t kMinFrame = kFrameHeaderSize + 10;  // one byte of data

template <std::size_t kSize>
std::span<const std::uint8_t, kSize> fixed(std::span<const std::uint8_t> bytes) {
  return bytes.first<kSize>();
}

}  // namespace

Status Scanner::result() const {
  if (!failure_.ok()) return failure_;
  return reader_->failure().ok() ? meter_->status() : reader_->failure();
}

Status Scanner::scan(CopyReader& reader, CopyIndex& out) {
  reader_ = &reader;
  index_ = &out;
  refused_ = data_size_ = 0;
  unbroken_ = true;
  failure_ = {};
  out = {};
  out.size = reader.size();
  meter_->begin_copy(out.size);
  if (Header header; header_before(kHeaderSize, header)) out.headers.push_back({0, header});
  std::uint64_t at = out.size > kHeaderSize ? kHeaderSize : 0;
  bool ended = false;
  while (!ended && at < out.size && going() && meter_->ask()) {
    meter_->reached(at);
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
  if (!ended && going()) find_last_footer();
  if (ended && going()) find_rival(out.footers.back().end());
  meter_->reached(out.size);
  out.unreadable = reader.unreadable();
  return result();
}

// What follows the end of the container is not its own, but another whole container is not passed over in
// silence: one that begins at `end`, or further on, where its first frame or the footer of an empty one shows
// that it is one. A device may be far longer than the container on it: all of it is searched only when it
// ends with what may be a footer.
void Scanner::find_rival(std::uint64_t end) {
  Header header;
  if (header_before(end + kHeaderSize, header)) {
    index_->headers.push_back({end, header});
    return;
  }
  Footer footer;
  bool footer_follows =
      index_->size - end >= kFooterSize && likely_footer(index_->size - kFooterSize, footer);
  std::uint64_t stop = footer_follows ? index_->size : std::min(index_->size, end + CopyReader::kSearchSize);
  for (std::uint64_t at = end; going() && !meter_->strained() && meter_->charge(WorkMeter::kStep); ++at) {
    at = reader_->find(kMagic, at, stop);
    if (at == CopyReader::kNowhere) return;
    std::uint64_t begin = at + kHeaderSize;
    if (!header_before(begin, header)) continue;
    Sighting found;
    bool frame = examine(begin + kFrameHeaderSize, begin, found) && found.finding == Finding::kConfirmed;
    if (!frame && !(likely_footer(begin, footer) && footer.total_size == 0)) continue;
    index_->headers.push_back({at, header});
    return;
  }
  index_->search_limited = index_->search_limited || meter_->strained();
}

// Takes the frame that begins at `at`, if there is one, and moves `at` to its end. Records a ruined frame
// whose end is unknown.
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

// Takes the next frame whose payload begins at or after `from` and returns its end. Records ruined frames
// with an unknown end on the way. No frame begins before `floor`.
std::uint64_t Scanner::search(std::uint64_t floor, std::uint64_t from) {
  while (going()) {
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

// Whether a payload begins here; `floor` is the end of the frame before. True for a frame and for a ruined
// one.
bool Scanner::examine(std::uint64_t payload, std::uint64_t floor, Sighting& found) {
  meter_->charge(WorkMeter::kStep);
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
  bool allowed = start.content <= std::min<std::uint64_t>(max_frame_, UINT32_MAX);
  if (!allowed && !plain) return false;
  if (!allowed) ++index_->over_limit;
  found.channel = header.channel;
  found.crc_field = header.crc;
  found.ulen = static_cast<std::uint32_t>(start.content);
  found.clen = header.clen;
  found.sound = plain;
  if (allowed && plain && worth_decoding(found, start, true) && decode(found)) return true;
  std::uint64_t size = meter_->strained() ? 0 : measure(found.payload, start);
  bool agrees = plain && size == header.clen;
  if (allowed && size != 0 && size <= UINT32_MAX && !agrees) {
    found.clen = static_cast<std::uint32_t>(size);
    found.sound = false;
    if (worth_decoding(found, start, false) && decode(found)) return true;
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

// Whether decompressing this is in proportion to the copy. One frame may exceed the limit when its header,
// its payload and its blocks agree: a whole container may be a frame of a gigabyte of zeros.
bool Scanner::worth_decoding(const Sighting& found, const ZstdStart& start, bool plain) {
  if (meter_->affords(std::uint64_t{found.clen} + 2 * std::uint64_t{found.ulen})) return true;
  bool worth = plain && (meter_->strained() ? found.ulen <= WorkMeter::kStrainedRatio * found.clen
                                            : measure(found.payload, start) == found.clen);
  if (worth) return true;
  index_->search_limited = true;
  pass_over(found.payload, found.clen);
  return false;
}

bool Scanner::room(Buffer& buffer, std::size_t size, const char* what) {
  if (buffer.capacity() >= size || buffer.reserve(size + size / 8)) return true;
  failure_ = failure(PAXECT_ERROR_MEMORY,
                     std::string("out of memory for ") + what + " of " + std::to_string(size) + " bytes");
  return false;
}

// Whether payload and data are a whole frame; then sets its finding and CRC-32.
bool Scanner::decode(Sighting& found) {
  if (found.clen > index_->size - found.payload || found.clen < min_payload(found.ulen)) return false;
  if (!room(payload_, found.clen, "a payload")) return false;
  if (!reader_->read(found.payload, payload_.data(), found.clen)) return false;
  if (found.start_form != ZstdStartForm::kStored) {
    std::array<std::uint8_t, kZstdStartSize> bytes{};
    ZstdStart start = write_zstd_start(found.start_form, found.ulen, bytes);
    if (start.size == 0 || start.size > found.clen) return false;
    std::copy_n(bytes.begin(), start.size, payload_.data());
  }
  FrameHeader header{found.channel, found.clen, found.ulen, found.crc_field};
  if (!check_payload(header, payload_.data()).ok()) {
    pass_over(found.payload, found.clen);
    return false;
  }
  if (!room(data_, found.ulen, "a frame")) return false;
  meter_->charge(2 * std::uint64_t{found.ulen});  // decompressed, and its CRC-32
  Status status = decompressor_.decompress(header, payload_.data(), data_.data());
  if (status.ok()) {
    found.finding = Finding::kConfirmed;
    found.crc_data = found.crc_field;
  } else if (status.code == PAXECT_ERROR_CRC) {
    found.finding = Finding::kUnconfirmed;
    found.crc_data = crc32(data_.data(), found.ulen);
  } else if (status.code == PAXECT_ERROR_MEMORY) {
    failure_ = status;
    return false;
  } else {
    pass_over(found.payload, found.clen);
    return false;
  }
  return true;
}

// The length of the zstd frame by its block headers; 0 when they are inconsistent.
std::uint64_t Scanner::measure(std::uint64_t payload, const ZstdStart& start) {
  ZstdBlocks blocks(start);
  while (!blocks.ended()) {
    if (!meter_->charge(WorkMeter::kStep)) return 0;
    auto header = reader_->look(payload + blocks.at(), kZstdBlockHeaderSize);
    if (header.size() == kZstdBlockHeaderSize && blocks.next(fixed<kZstdBlockHeaderSize>(header)) &&
        blocks.at() <= index_->size - payload && !meter_->strained())
      continue;
    pass_over(payload, blocks.at());
    return 0;
  }
  return blocks.size();
}

// Called for a false trace of this span: beyond the limit of work, nothing inside it is examined.
void Scanner::pass_over(std::uint64_t payload, std::uint64_t span) {
  if (!meter_->strained()) return;
  index_->search_limited = true;
  resume_ = std::max(resume_, payload + span);
}

bool Scanner::sane(const FrameHeader& header) const {
  return header.channel < kMaxChannels && header.ulen != 0 && header.clen >= min_payload(header.ulen) &&
         header.clen <= payload_bound(header.ulen);
}

// The frame between these two places, if blocks of zstd lead from behind the beginning of its payload exactly
// to its end.
bool Scanner::restore_at(std::uint64_t start, std::uint64_t end, std::uint64_t content, Sighting& found) {
  std::uint64_t payload = start + kFrameHeaderSize;
  if (content == 0 || content > max_frame_ || end <= payload || end - payload < min_payload(content) ||
      end - payload > std::min<std::uint64_t>(payload_bound(content), UINT32_MAX))
    return false;
  for (ZstdStartForm form : {ZstdStartForm::kSingleSegment, ZstdStartForm::kWithWindow}) {
    std::array<std::uint8_t, kZstdStartSize> bytes{};
    ZstdStart zstd = write_zstd_start(form, content, bytes);
    if (zstd.size == 0 || !meter_->affords(end - payload + 2 * content)) continue;
    if (measure(payload, zstd) != end - payload) continue;
    FrameHeader header = read_frame_header(fixed<kFrameHeaderSize>(reader_->look(start, kFrameHeaderSize)));
    found = {};
    found.start = start;
    found.payload = payload;
    found.clen = static_cast<std::uint32_t>(end - payload);
    found.ulen = static_cast<std::uint32_t>(content);
    found.channel = header.channel;
    found.crc_field = header.crc;
    found.start_form = form;
    found.has_header = found.joined = true;
    found.sound = header.clen == found.clen && header.ulen == found.ulen;
    if (decode(found)) return true;
  }
  return false;
}

Status Scanner::restore(CopyReader& reader, const Layout& layout, CopyIndex& index, bool& restored) {
  reader_ = &reader;
  index_ = &index;
  restored = false;
  if (layout.frame_size == 0) return {};
  std::uint64_t last = layout.footer_known && layout.frames() != 0 ? layout.length(layout.frames() - 1) : 0;
  std::vector<Sighting> all;
  std::uint64_t begin = index.header_found ? index.header_offset + kHeaderSize : kHeaderSize;
  std::uint64_t end = begin;  // of the frame before
  bool end_known = true;
  auto try_between = [&](std::uint64_t stop) {
    Sighting found;
    if (!end_known || stop <= end || !going()) return;
    if (!restore_at(end, stop, layout.frame_size, found) && !restore_at(end, stop, last, found)) return;
    // Those behind its start are in its payload. They are in order, so that only these are looked at.
    while (!all.empty() && all.back().start >= found.start) all.pop_back();
    all.push_back(found);
    meter_->found(found.ulen);
    restored = true;
  };
  for (const Sighting& sighting : index.sightings) {
    if (!meter_->charge(WorkMeter::kStep)) return result();
    if (!sighting.foreign && sighting.finding == Finding::kRuined && sighting.end_known) {
      Sighting found;
      bool ended = sighting.joined || sighting.start == end;
      if (!ended) try_between(sighting.start);
      if (restore_at(sighting.start, sighting.end(), sighting.ulen, found) ||
          restore_at(sighting.start, sighting.end(), layout.frame_size, found)) {
        found.joined = sighting.joined;
        all.push_back(found);
        meter_->found(found.ulen);
        restored = true;
      } else {
        all.push_back(sighting);
      }
    } else {
      if (!sighting.foreign) try_between(sighting.start);
      all.push_back(sighting);
    }
    if (sighting.foreign) continue;
    end = all.back().end();
    end_known = sighting.end_known;
  }
  if (index.footer() != nullptr) try_between(index.footer()->offset);
  if (!restored) return result();
  for (std::size_t i = 1; i < all.size() && meter_->pass(); ++i)
    all[i].joined = all[i].joined || all[i].start == all[i - 1].end();
  index.sightings = std::move(all);
  auto inside = [&](std::uint64_t offset) {
    if (!meter_->charge(WorkMeter::kStep)) return false;
    auto after = std::upper_bound(index.sightings.begin(), index.sightings.end(), offset,
                                  [](std::uint64_t at, const Sighting& s) { return at < s.payload; });
    return after != index.sightings.begin() && std::prev(after)->start_form != ZstdStartForm::kStored &&
           offset < std::prev(after)->end();
  };
  std::erase_if(index.headers, [&](const HeaderSighting& header) { return inside(header.offset); });
  std::erase_if(index.footers, [&](const FooterSighting& footer) { return inside(footer.offset); });
  return result();
}

// A ruined frame whose payload does not begin like one, when its header leads to something.
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

// Whether a frame, the footer or the end of the file is at this offset, by its first bytes.
bool Scanner::something_begins(std::uint64_t offset) {
  if (offset >= index_->size) return offset == index_->size;
  Footer footer;
  if (likely_footer(offset, footer)) return true;
  auto bytes = reader_->look(offset, kFrameHeaderSize + kZstdStartSize);
  ZstdStart start;
  if (bytes.size() <= kFrameHeaderSize || !read_zstd_start(bytes.subspan(kFrameHeaderSize), start))
    return false;
  FrameHeader header = read_frame_header(fixed<kFrameHeaderSize>(bytes));
  return header.ulen == start.content && header.channel < kMaxChannels;
}

// Whether a frame that the search came across belongs to this container rather than to its data.
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

// Whether these bytes can be a footer by their counts: random bytes hardly ever can.
bool Scanner::likely_footer(std::uint64_t offset, Footer& footer) {
  auto bytes = reader_->look(offset, kFooterSize);
  if (bytes.size() < kFooterSize) return false;
  footer = read_footer(fixed<kFooterSize>(bytes));
  if (footer.total_size == 0) return footer.digest == kEmptyDigest;
  std::uint64_t frames = footer.total_frames;
  return frames != 0 && frames <= index_->size / kMinFrame + 1 && footer.total_size / frames <= UINT32_MAX;
}

bool Scanner::has_footer(std::uint64_t offset) const {
  return index_->footer_at(offset) != CopyIndex::kNoFooter;
}

// Records a candidate for the footer; true when it certainly ends the container.
bool Scanner::take_footer(std::uint64_t offset) {
  if (has_footer(offset)) return false;
  Footer footer;
  bool likely = likely_footer(offset, footer);
  bool at_end = offset + kFooterSize ==
                index_->size;  // its counts may be damaged, and its digest still prove something
  if (!likely && !at_end) return false;
  index_->footers.push_back({offset, footer, likely});  // offsets only rise
  return at_end ||
         (unbroken_ && footer.total_frames == index_->sightings.size() && footer.total_size == data_size_);
}

// For a footer that the last frame does not lead to: at the end of the file or, if bytes follow the footer,
// wherever the counts agree: exactly, where no extension frame was found.
void Scanner::find_last_footer() {
  if (index_->size < kFooterSize) return;
  std::uint64_t last = index_->size - kFooterSize;
  std::uint64_t begin = index_->sightings.empty() ? 0 : index_->sightings.back().payload;
  if (last < begin) return;
  take_footer(last);
  std::uint32_t usual = index_->headers.empty() ? 0 : index_->headers.front().header.frame_size;
  if (index_->footers.empty() || index_->footers.back().likely || usual == 0 || data_size_ == 0) return;
  bool extended = std::any_of(
      index_->sightings.begin(), index_->sightings.end(),
      [&](const Sighting& sighting) { return meter_->pass() && sighting.finding == Finding::kExtension; });
  std::uint64_t least = last - std::min(last - begin, kFooterSearch);
  reader_->prefetch(least);
  meter_->charge(last - least);
  for (std::uint64_t at = last; at > least;) {
    --at;
    Footer footer;
    if (!likely_footer(at, footer) || footer.total_size < data_size_ || has_footer(at)) continue;
    if (!counts_agree(footer, usual, extended ? index_->size : 0)) continue;
    index_->footers.insert(index_->footers.end() - 1, {at, footer, true});  // before the one at the end
    return;
  }
}

void Scanner::append(Sighting found, bool joined) {
  found.joined = joined;
  if (Header header; !joined && found.start > kHeaderSize && header_before(found.start, header))
    index_->headers.push_back({found.start - kHeaderSize, header});
  if (found.finding != Finding::kExtension) data_size_ += found.ulen;
  if (found.has_data()) meter_->found(found.ulen);
  unbroken_ = unbroken_ && joined && found.end_known;
  index_->sightings.push_back(found);
}

Status Scanner::load(CopyReader& reader, const Sighting& sighting, std::span<const std::uint8_t>& data) {
  reader_ = &reader;
  CopyIndex scratch;
  scratch.size = reader.size();
  index_ = &scratch;
  failure_ = {};
  Sighting found = sighting;
  bool good = decode(found) && found.crc_data == sighting.crc_data;
  if (Status status = result(); !status.ok()) return status;
  if (!good)
    return {PAXECT_ERROR_READ, sighting.start, 0,
            "copy: changed while it was read, or its medium is failing"};
  data = {data_.data(), found.ulen};
  return {};
}

}  // namespace paxect::core
