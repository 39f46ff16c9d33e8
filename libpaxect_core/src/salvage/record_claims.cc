#include "salvage/record_claims.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "protect/protection_map.h"
#include "protect/record_scan.h"

namespace paxect::core {
namespace {

// What a container around another one has before it, at least: a header and a frame header.
constexpr std::uint64_t kAround = kHeaderSize + kFrameHeaderSize;

bool is_same_data(const Footer& a, const Footer& b) {
  return a.total_size == b.total_size && a.digest == b.digest;
}

void add_tag(std::vector<ProtectionTag>& tags, const ProtectionTag& tag) {
  if (tags.empty() || tags.back() != tag) tags.push_back(tag);
}

bool has_common_footer(const RecordClaim& a, const RecordClaim& b, WorkMeter& meter) {
  return std::any_of(a.footers.begin(), a.footers.end(), [&](const Footer& footer) {
    return std::any_of(b.footers.begin(), b.footers.end(),
                       [&](const Footer& other) { return !meter.pass() || is_same_data(footer, other); });
  });
}

bool has_tag(const RecordClaim& claim, const ProtectionTag& tag) {
  return std::binary_search(claim.tags.begin(), claim.tags.end(), tag);
}

void note_place(RecordClaim& claim, std::uint64_t offset, std::uint64_t at) {
  const bool near = (at < offset ? offset - at : at - offset) < kAround;
  claim.in_place = claim.in_place || near;
  claim.may_be_in_place = claim.may_be_in_place || near || at < offset;
}

}  // namespace

RecordClaim read_claim(CopyReader& copy, WorkMeter& meter) {
  RecordClaim claim;
  const Records records = scan_records(copy);
  if (!copy.failure().ok() || (records.lists.empty() && records.trailers.empty())) return claim;
  ProtectionMap map;
  const std::uint64_t size = copy.size();
  map.build_partial({&records, 1}, {&size, 1}, meter);
  claim.tag = map.tag();
  for (const FoundList& found : records.of_tag(*claim.tag)) {
    if (!meter.pass()) return claim;
    note_place(claim, found.header.offset, found.at);
  }
  for (const FoundTrailer& found : records.trailers_of_tag(*claim.tag)) {
    const Trailer& trailer = found.trailer;
    note_place(claim, trailer.offset, found.at);
    const std::uint64_t behind = size - found.at;
    const std::uint64_t expected = trailer.container_size - std::min(trailer.offset, trailer.container_size);
    const bool near = (behind < expected ? expected - behind : behind - expected) < kFooterSize;
    claim.in_place = claim.in_place || near;
    claim.may_be_in_place = claim.may_be_in_place || near;
    const Footer footer = read_footer(trailer.footer);
    // Of one container all are equal. A copy of which more differ is hostile, and shows nothing with these.
    constexpr std::size_t kMaxFooters = 64;
    if (claim.footers.size() == kMaxFooters || !meter.charge(WorkMeter::kRecord * (1 + claim.footers.size())))
      break;
    auto is_known = [&](const Footer& known) { return is_same_data(known, footer); };
    if (std::none_of(claim.footers.begin(), claim.footers.end(), is_known)) claim.footers.push_back(footer);
  }
  std::vector<ProtectionTag> of_trailers;
  for (const FoundList& found : records.lists)
    if (meter.pass()) add_tag(claim.tags, found.header.tag);
  for (const FoundTrailer& found : records.trailers)
    if (meter.pass()) add_tag(of_trailers, found.trailer.tag);
  claim.tags.insert(claim.tags.end(), of_trailers.begin(), of_trailers.end());
  if (!sort(claim.tags, std::less<>(), meter)) return claim;
  claim.tags.erase(std::unique(claim.tags.begin(), claim.tags.end()), claim.tags.end());
  return claim;
}

bool contradict(std::span<const RecordClaim> claims, std::size_t a, std::size_t b, Place place,
                WorkMeter& meter) {
  const RecordClaim& one = claims[a];
  const RecordClaim& other = claims[b];
  auto counts = [&](const RecordClaim& claim) {
    return claim.tag && (place == Place::kCertain ? claim.in_place : claim.may_be_in_place);
  };
  if (!counts(one) || !counts(other) || has_common_footer(one, other, meter)) return false;
  if (*one.tag == *other.tag) return !one.footers.empty() && !other.footers.empty();
  return std::none_of(claims.begin(), claims.end(), [&](const RecordClaim& claim) {
    return !meter.charge(WorkMeter::kStep) || (has_tag(claim, *one.tag) && has_tag(claim, *other.tag));
  });
}

}  // namespace paxect::core
