#include "salvage/identity.h"

#include <algorithm>

#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

constexpr std::size_t kNone = CopyIndex::kNoFooter;

// Frames that follow each other without a break: sightings first to last-1.
struct Part {
  std::size_t first = 0;
  std::size_t last = 0;
  std::uint64_t begin = 0;  // in the copy
  std::uint64_t end = 0;
  std::uint64_t data = 0;      // bytes of data in all of them
  std::size_t header = kNone;  // the one directly before it
  std::size_t footer = kNone;  // the likely one directly behind it
  bool foreign = false;

  std::uint64_t frames() const { return last - first; }
};

class Identifier {
 public:
  Identifier(CopyIndex& copy, std::uint64_t capacity, WorkMeter& meter)
      : copy_(copy), capacity_(capacity), meter_(meter) {}

  Layout run() {
    reset();
    find_parts();
    choose_header();
    Layout layout;
    for (int round = 0; round < 2;
         ++round) {  // the footer depends on the layout, and the layout on the footer
      mark();
      layout = derive_layout(copy_, capacity_, meter_);
      choose_footer(layout);
      set_aside_ends();
      mark();
      layout = derive_layout(copy_, capacity_, meter_);
    }
    drop_surplus(layout);
    mark();
    layout = derive_layout(copy_, capacity_, meter_);
    conclude();
    return layout;
  }

 private:
  void reset();
  void find_parts();
  bool complete(const Part& part) const;
  bool contradicts_end(const Part& part) const;
  void choose_header();
  void choose_footer(const Layout& layout);
  bool own_footer_at(std::size_t footer, const FooterCheck& check);
  void set_aside_ends();
  bool surplus(const Layout& layout) const;
  std::uint64_t fitting(const Part& part, const Layout& layout) const;
  void drop_surplus(const Layout& layout);
  void mark();
  void conclude();
  void contest(const HeaderSighting& header);
  void adopt(const HeaderSighting& header);

  CopyIndex& copy_;
  std::uint64_t capacity_;
  WorkMeter& meter_;
  std::vector<Part> parts_;
  std::vector<bool> foreign_footers_;
  std::size_t end_footer_ = kNone;  // the last 44 bytes of the copy
  bool front_ = false;              // the first part begins where the first frame of a container does
};

// What an earlier call found out.
void Identifier::reset() {
  copy_.header_found = copy_.complete = copy_.intact = false;
  copy_.front = copy_.ended = copy_.contested = false;
  copy_.header_offset = copy_.foreign = copy_.foreign_offset = 0;
  copy_.own_footer = CopyIndex::kNoFooter;
  copy_.rival_offset = CopyIndex::kNoRival;
}

void Identifier::find_parts() {
  for (std::size_t i = 0; i < copy_.sightings.size() && meter_.pass(); ++i) {
    const Sighting& sighting = copy_.sightings[i];
    if (i == 0 || !sighting.joined || !copy_.sightings[i - 1].end_known) {
      parts_.emplace_back();
      parts_.back().first = i;
      parts_.back().begin = sighting.start;
    }
    Part& part = parts_.back();
    part.last = i + 1;
    part.end = sighting.end();
    part.data += sighting.ulen;
  }
  if (!copy_.footers.empty() && copy_.footers.back().end() == copy_.size)
    end_footer_ = copy_.footers.size() - 1;
  std::size_t header = 0;
  for (Part& part : parts_) {
    while (header != copy_.headers.size() && copy_.headers[header].end() < part.begin && meter_.pass())
      ++header;
    if (!meter_.pass()) break;
    if (header != copy_.headers.size() && copy_.headers[header].end() == part.begin) part.header = header;
    std::size_t footer = copy_.footer_at(part.end);
    if (footer != kNone && copy_.footers[footer].likely) part.footer = footer;
  }
  front_ = !parts_.empty() && parts_.front().begin <= kHeaderSize;
}

// From its first frame to its footer, with exactly the counts that the footer names.
bool Identifier::complete(const Part& part) const {
  if (part.footer == kNone) return false;
  const Footer& footer = copy_.footers[part.footer].footer;
  return footer.total_frames == part.frames() && footer.total_size == part.data;
}

// Whether the footer at the end of the copy cannot be that of the container which begins with this part.
bool Identifier::contradicts_end(const Part& part) const {
  if (end_footer_ == kNone || !copy_.footers[end_footer_].likely || part.footer == end_footer_) return false;
  return complete(part) || !counts_agree(copy_.footers[end_footer_].footer,
                                         copy_.headers[part.header].header.frame_size, copy_.size);
}

void Identifier::adopt(const HeaderSighting& header) {
  copy_.header_found = true;
  copy_.header_offset = header.offset;
  copy_.header = header.header;
}

void Identifier::choose_header() {
  bool at_start = !copy_.headers.empty() && copy_.headers.front().offset == 0;
  if (at_start) adopt(copy_.headers.front());
  for (Part& part : parts_) {
    if (!meter_.pass() || part.header == kNone || copy_.headers[part.header].offset == 0) continue;
    bool first = &part == &parts_.front() && !at_start && !front_;
    if (first && !contradicts_end(part))
      adopt(copy_.headers[part.header]);
    else
      part.foreign = true;
  }
  // Remains of something, then a whole container up to the end: taken, but not for certain.
  if (copy_.header_found || front_ || parts_.empty()) return;
  Part& last = parts_.back();
  if (!last.foreign || last.footer == kNone || last.footer != end_footer_ || !complete(last)) return;
  for (Part& part : parts_) part.foreign = &part != &last;
  adopt(copy_.headers[last.header]);
  copy_.contested = true;
}

bool Identifier::own_footer_at(std::size_t footer, const FooterCheck& check) {
  Footer corrected;
  if (!meter_.charge(WorkMeter::kStep)) return false;
  if (footer == kNone || !copy_.footers[footer].likely) return false;
  if (foreign_footers_[footer] || !check.fits(copy_.footers[footer], corrected)) return false;
  copy_.own_footer = footer;
  return true;
}

void Identifier::choose_footer(const Layout& layout) {
  copy_.own_footer = CopyIndex::kNoFooter;
  foreign_footers_.assign(copy_.footers.size(), false);
  for (const Part& part : parts_)
    if (meter_.pass() && part.foreign && part.footer != kNone) foreign_footers_[part.footer] = true;
  if (front_ && complete(parts_.front())) {
    copy_.own_footer = parts_.front().footer;
    return;
  }
  FooterCheck check(layout, copy_, meter_);
  if (own_footer_at(end_footer_, check)) return;
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part)
    if (!part->foreign && own_footer_at(part->footer, check)) return;
  for (std::size_t i = copy_.footers.size(); i-- != 0 && meter_.status().ok();)
    if (own_footer_at(i, check)) return;
  // Counts that cannot be: its digest may still prove the data.
  if (end_footer_ != kNone && !foreign_footers_[end_footer_]) copy_.own_footer = end_footer_;
}

// What lies before the header or behind the footer, and what leads to another footer.
void Identifier::set_aside_ends() {
  const FooterSighting* footer = copy_.footer();
  for (Part& part : parts_) {
    if (!meter_.pass()) return;
    bool first = front_ && &part == &parts_.front();
    if (copy_.header_found && part.begin < copy_.header_offset) part.foreign = true;
    if (footer != nullptr && part.begin > footer->offset) part.foreign = true;
    if (!first && part.footer != kNone && part.footer != copy_.own_footer) part.foreign = true;
  }
}

// Whether there are more frames than the footer leaves room for. A gap lacks at least one frame, unless it
// may be the rest of the frame before it.
bool Identifier::surplus(const Layout& layout) const {
  std::uint64_t min_frame = kFrameHeaderSize + min_payload(layout.frame_size);
  std::uint64_t count = 0;
  std::uint64_t gaps = 0;
  std::uint64_t end = copy_.header_found ? copy_.header_offset + kHeaderSize : kHeaderSize;
  bool vague = false;
  for (const Part& part : parts_) {
    if (!meter_.pass() || part.foreign) continue;
    count += fitting(part, layout);
    if (!vague && part.begin > end && part.begin - end >= min_frame) ++gaps;
    end = part.end;
    const Sighting& last = copy_.sightings[part.last - 1];
    vague = !last.end_known && !last.end_likely;
  }
  std::uint64_t footer = copy_.footer()->offset;
  if (!vague && footer > end && footer - end >= min_frame) ++gaps;
  return count > layout.frames() || (count != layout.frames() && count + gaps > layout.frames());
}

std::uint64_t Identifier::fitting(const Part& part, const Layout& layout) const {
  auto begin = copy_.sightings.begin();
  return static_cast<std::uint64_t>(
      std::count_if(begin + static_cast<std::ptrdiff_t>(part.first),
                    begin + static_cast<std::ptrdiff_t>(part.last), [&](const Sighting& s) {
                      return meter_.pass() && s.finding != Finding::kExtension && s.ulen <= layout.frame_size;
                    }));
}

// Parts that no end of the container leads to may be frames of a container inside of a lost one. When there
// is a surplus of frames, the shortest of them are not ours: as few as make it go away.
void Identifier::drop_surplus(const Layout& layout) {
  if (!layout.footer_known || layout.frame_size == 0 || !surplus(layout)) return;
  std::vector<Part*> loose;
  for (Part& part : parts_) {
    bool first = front_ && &part == &parts_.front();
    bool ours = first || part.footer == copy_.own_footer || part.header != kNone;
    if (meter_.pass() && !part.foreign && !ours && fitting(part, layout) != 0) loose.push_back(&part);
  }
  auto shorter = [](const Part* a, const Part* b) { return a->end - a->begin < b->end - b->begin; };
  if (!sort(loose, shorter, meter_)) return;
  auto drop = [&](std::size_t count) {
    for (std::size_t i = 0; i < loose.size() && meter_.pass(); ++i) loose[i]->foreign = i < count;
  };
  std::size_t enough = loose.size();
  for (std::size_t low = 0; low < enough;) {
    std::size_t middle = low + (enough - low) / 2;
    drop(middle);
    if (surplus(layout))
      low = middle + 1;
    else
      enough = middle;
  }
  drop(enough);
}

void Identifier::mark() {
  for (const Part& part : parts_)
    for (std::size_t i = part.first; i < part.last && meter_.pass(); ++i)
      copy_.sightings[i].foreign = part.foreign;
}

void Identifier::conclude() {
  const FooterSighting* footer = copy_.footer();
  bool front = front_ && !parts_.front().foreign;
  bool at_start = copy_.header_found && copy_.header_offset == 0;
  bool empty = parts_.empty() && at_start && footer != nullptr && footer->offset == kHeaderSize;
  bool to_end = footer != nullptr && footer->end() == copy_.size;
  copy_.front = front || empty;
  copy_.ended = to_end || (copy_.front && at_start && footer != nullptr);
  copy_.complete = front && complete(parts_.front()) && parts_.front().footer == copy_.own_footer;
  copy_.intact = to_end && at_start && (copy_.complete || empty);
  auto note = [&](std::uint64_t offset, std::uint64_t count) {
    if (copy_.foreign == 0 || offset < copy_.foreign_offset) copy_.foreign_offset = offset;
    copy_.foreign += count;
  };
  std::uint64_t begin = copy_.header_found ? copy_.header_offset : 0;
  std::uint64_t end = footer != nullptr ? footer->end() : copy_.size;
  for (const Part& part : parts_) {
    if (!meter_.pass() || !part.foreign) continue;
    note(part.header == kNone ? part.begin : copy_.headers[part.header].offset, part.frames());
    // Inside of this container it may be a part of the data.
    bool outside = part.header != kNone && (part.end <= begin || part.begin >= end);
    if (outside) contest(copy_.headers[part.header]);
  }
  // A container that begins behind this one, where the search ended.
  bool behind = footer != nullptr && !copy_.headers.empty() && copy_.headers.back().offset >= end &&
                (parts_.empty() || parts_.back().begin < end);
  if (!behind) return;
  note(copy_.headers.back().offset, 1);
  contest(copy_.headers.back());
}

void Identifier::contest(const HeaderSighting& header) {
  copy_.contested = true;
  copy_.rival_offset = std::min(copy_.rival_offset, header.offset);
}

}  // namespace

Layout identify(CopyIndex& copy, std::uint64_t capacity, WorkMeter& meter) {
  return Identifier(copy, capacity, meter).run();
}

}  // namespace paxect::core
