// What a salvage concludes from what it wrote: whether a footer proves it, and the message that says why not.
#include <algorithm>
#include <string>

#include "salvage/salvager.h"

namespace paxect::core {
namespace {

// So many equal bytes of a SHA-256 show that the others are damaged. The probability that the digest of other
// data has them is below 2^-98.
constexpr std::size_t kEnoughEqualBytes = std::tuple_size_v<Digest> / 2;

}  // namespace

// Whether the first frame of the data is where the first frame of a container is, in this copy. Where another
// frame is there, or remains of one, the data may be that of a container inside or behind the one that was
// lost, whose own header the search did not see.
bool Salvager::begins(std::size_t copy) {
  const CopyIndex& index = copies_[copy];
  if (!inputs_[owner(copy)].used || !index.front) return false;
  if (is_healed(copy) && !healed_->explains_base()) return false;
  if (index.complete) return true;
  std::uint64_t end = kHeaderSize;  // of what the header leads to
  for (const Sighting& sighting : index.sightings) {
    if (!meter_.pass() || sighting.start > end) return false;
    if (sighting.finding != Finding::kExtension) return sighting.takes_slot() && sighting.slot == 0;
    end = sighting.end();
  }
  return index.sightings.empty();
}

// Whether something in the copy is of this container. Requires: what was written has its digest.
bool Salvager::contributes(std::size_t copy) {
  const CopyIndex& index = copies_[copy];
  const Layout& layout = plan_.layout;
  if (index.header_found && index.header.frame_size == layout.frame_size &&
      index.header.channels == layout.channels)
    return true;
  const FooterSighting* footer = index.footer();
  if (footer != nullptr && (footer->footer.digest == report_.digest ||
                            (layout.footer_known && footer->footer.digest == layout.footer.digest)))
    return true;
  return std::any_of(index.sightings.begin(), index.sightings.end(), [&](const Sighting& sighting) {
    return meter_.pass() && !sighting.foreign && !sighting.misfit;
  });
}

// Compares the footer of a copy with what was written.
void Salvager::compare_digest(std::size_t copy) {
  const FooterSighting* footer = copies_[copy].footer();
  if (footer == nullptr) return;
  const Digest& digest = footer->footer.digest;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < digest.size(); ++i) equal += digest[i] == report_.digest[i] ? 1u : 0u;
  if (equal == digest.size())
    report_.agrees = true;
  else if (equal >= kEnoughEqualBytes)
    report_.damaged_digest = digest.size() - equal;
}

// A footer proves the data only when there is nothing unexplained before the first frame or behind the
// footer, in one of the copies each: a container in the midst of other bytes may be data of one that is gone.
Status Salvager::conclude() {
  report_.digest = digest_.finish();
  bool begun = false;
  bool ended = false;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    begun = begun || begins(i);
    if (!inputs_[owner(i)].used) continue;
    compare_digest(i);
    const FooterSighting* footer = copies_[i].footer();
    const bool may_end = !is_healed(i) || healed_->explains_base();
    if (footer != nullptr && footer->footer.digest == report_.digest)
      ended = ended || (copies_[i].ended && may_end);
  }
  for (std::size_t i = 0; i < given_; ++i) inputs_[i].used = inputs_[i].used && contributes(i);
  if (copies_.size() > given_) inputs_[healed_->base()].used = true;
  report_.proven = report_.agrees && ended && begun && !report_.contested;
  report_.contested = report_.contested || (report_.agrees && !report_.proven);
  if (!report_.proven) {
    // Nothing is lost, but the places are not certain; or every frame is confirmed, and yet the digest
    // differs: it is damaged, or frames were swapped or overwritten by others.
    bool unplaced = report_.size_known && !all_placed_ && report_.lost == 0;
    bool unexplained = plan_.layout.footer_known && report_.unconfirmed == 0 && report_.ranges.empty();
    bool right = report_.agrees || report_.damaged_digest != 0;
    if (!right && (unplaced || unexplained))
      report_.ranges.insert(report_.ranges.begin(), {0, 0, 0, true, false});
    return failure(PAXECT_ERROR_PARTIAL, partial_message());
  }
  report_.ranges.clear();  // then every frame is right, those included that were filled in
  report_.confirmed += report_.unconfirmed + report_.lost;
  report_.unconfirmed = report_.lost = report_.lost_bytes = 0;
  report_.size = report_.bytes_out;
  report_.size_known = true;
  return {};
}

std::string Salvager::partial_message() const {
  if (copies_differ_) return different_message();
  if (report_.lost != 0 || plan_.placement.tail_lost)
    return "the data is not whole: " + std::to_string(report_.lost) + " of " +
           std::to_string(report_.frames) + " frames are lost";
  if (report_.agrees) return contested_message();
  if (!plan_.layout.footer_known) return "the data is not proven: the footer with its SHA-256 is lost";
  if (report_.damaged_digest != 0)
    return "the data is not proven: " + std::to_string(report_.damaged_digest) +
           " of the 32 bytes of the footer's SHA-256 are damaged";
  if (!all_placed_) return "the data is not proven: the places of some frames are not certain";
  return "the data is not proven: its SHA-256 differs from the footer's";
}

// The data has the digest of a footer, and something in the copies has the same claim.
std::string Salvager::contested_message() const {
  for (std::size_t i = 0; i < given_; ++i) {
    const CopyIndex& copy = copies_[i];
    if (!inputs_[i].used || copy.rival_offset == CopyIndex::kNoRival) continue;
    return "another container begins at offset " + std::to_string(copy.rival_offset) + " of " +
           inputs_[i].name +
           ", and it is not certain which one is wanted: the other one was not written; to have it, copy it "
           "to a file of its own (tail -c +" +
           std::to_string(copy.rival_offset + 1) + ") and decode that";
  }
  return surrounded_message();
}

std::string Salvager::different_message() {
  return "the copies are of different containers, and none has more of them: salvage those of one alone";
}

std::string Salvager::surrounded_message() {
  return "the data is that of a whole container with other bytes before or behind it, which may be a part of "
         "another one that is lost: if it is what is wanted, copy it to a file of its own and decode that";
}

std::string Salvager::nothing_message() const {
  if (inputs_.size() != 1) return "none of the copies holds a frame of a container";
  std::string message = inputs_[0].name + ": holds no frame of ";
  if (report_.foreign == 0) return message + "a container";
  return message + "the container that it is; another one begins at offset " +
         std::to_string(report_.foreign_offset) + " in it";
}

}  // namespace paxect::core
