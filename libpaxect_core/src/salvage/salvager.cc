#include "salvage/salvager.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "salvage/identity.h"

namespace paxect::core {
namespace {

constexpr std::size_t kMaxInputs = 64;

Status size_of(int fd, const struct stat& identity, std::uint64_t& size) {
  if (S_ISREG(identity.st_mode)) {
    size = static_cast<std::uint64_t>(identity.st_size);
    return {};
  }
  off_t here = lseek(fd, 0, SEEK_CUR);
  off_t end = here < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (end < 0 || lseek(fd, here, SEEK_SET) < 0)
    return failure(PAXECT_ERROR_READ, "is not a file that can be read at any offset: copy it to one first");
  size = static_cast<std::uint64_t>(end);
  return {};
}

}  // namespace

void Salvager::reset() noexcept {
  clear();
  inputs_.clear();
}

void Salvager::clear() noexcept {
  readers_.clear();
  copies_.clear();
  scanner_.reset();
  plan_ = {};
  report_ = {};
}

Status Salvager::named(Status status, std::size_t input) const {
  status.message = inputs_[input].name + ": " + status.message;
  return status;
}

Status Salvager::add(int fd, const std::string& name) {
  if (inputs_.size() == kMaxInputs)
    return failure(PAXECT_ERROR_ARGUMENT, "more than " + std::to_string(kMaxInputs) + " copies");
  SalvageInput input;
  input.fd = fd;
  input.name = name;
  if (fstat(fd, &input.identity) != 0) return system_failure(PAXECT_ERROR_READ, name, "cannot read", errno);
  if (S_ISDIR(input.identity.st_mode)) return failure(PAXECT_ERROR_READ, name + ": is a directory");
  Status status = size_of(fd, input.identity, input.size);
  if (!status.ok()) status.message = name + ": " + status.message;
  if (status.ok()) inputs_.push_back(input);
  return status;
}

Status Salvager::find(const Parameters& parameters, const Callbacks& callbacks) {
  skip_lost_ = parameters.fill() == PAXECT_FILL_SKIP;
  if (inputs_.empty()) return failure(PAXECT_ERROR_SEQUENCE, "no copies to salvage from: add some first");
  meter_.begin(callbacks);
  scanner_ = std::make_unique<Scanner>(allocator_, parameters.max_frame(), meter_);
  std::vector<Layout> layouts;
  Status status = scan(layouts);
  if (!status.ok()) return status;
  for (std::size_t i = 0; i < copies_.size(); ++i) place(layouts[i], copies_[i]);
  Belonging belonging = find_belonging(copies_, layouts);
  plan_ = make_plan(copies_, layouts, belonging.used, meter_);
  if (!meter_.status().ok()) return meter_.status();
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].used = belonging.used[i];
  summarize();
  report_.contested = report_.contested || belonging.contested;
  bool empty = plan_.layout.footer_known && plan_.layout.footer.total_size == 0;
  if (!plan_.choices.empty() || empty) return {};
  return failure(PAXECT_ERROR_NOTHING, nothing_message());
}

Status Salvager::scan(std::vector<Layout>& layouts) {
  std::uint64_t capacity = 0;
  for (const SalvageInput& input : inputs_) capacity += std::min(max_data(input.size), UINT64_MAX - capacity);
  readers_.clear();
  readers_.reserve(inputs_.size());
  copies_.assign(inputs_.size(), {});
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    readers_.emplace_back(allocator_, inputs_[i].fd, inputs_[i].size, meter_);
    Status status = scanner_->scan(readers_[i], copies_[i]);
    bool restored = false;
    if (status.ok()) {
      layouts.push_back(identify(copies_[i], capacity));
      status = scanner_->restore(readers_[i], layouts[i], copies_[i], restored);
    }
    if (!status.ok()) return status.code == PAXECT_ERROR_CANCELLED ? status : named(status, i);
    if (restored) layouts[i] = identify(copies_[i], capacity);
  }
  return {};
}

// Reports what is known before anything is written.
void Salvager::summarize() {
  report_ = {};
  report_.layout = plan_.layout;
  for (std::size_t i = copies_.size(); i-- != 0;) {
    const CopyIndex& copy = copies_[i];
    if (!inputs_[i].used) continue;
    auto number = static_cast<std::int32_t>(i);
    if (copy.header_found && copy.header.frame_size == plan_.layout.frame_size &&
        copy.header.channels == plan_.layout.channels)
      report_.header_input = number;
    if (copy.footer() != nullptr && plan_.layout.footer_known &&
        copy.footer()->footer.total_size == plan_.layout.footer.total_size)
      report_.footer_input = number;
    report_.over_limit += copy.over_limit;
    report_.search_limited = report_.search_limited || copy.search_limited;
    report_.contested = report_.contested || copy.contested;
    report_.foreign += copy.foreign;
    if (copy.foreign == 0) continue;
    report_.foreign_input = number;
    report_.foreign_offset = copy.foreign_offset;
  }
  report_.frames = plan_.placement.frames;
  report_.size_known = plan_.placement.frames_known || plan_.layout.footer_known;
  report_.size = plan_.size;
}

Status Salvager::write(const Callbacks& callbacks) {
  meter_.set_callbacks(callbacks);
  callbacks_ = callbacks;
  digest_.reset();
  position_ = slot_ = 0;
  bool placed = true;  // the frame before
  for (std::size_t i = 0; i < plan_.choices.size();) {
    const Choice& first = plan_.choices[i];
    bool written = false;
    Status status = write_slot(i, placed, written);
    if (!status.ok()) return status;
    if (written) placed = first.placed;
  }
  Status status = write_gap(plan_.size, report_.frames, placed && plan_.placement.end_placed);
  if (!status.ok()) return status;
  if (plan_.placement.tail_lost) note({report_.size, SalvageRange::kOpen, 0, true, false});
  return conclude();
}

// Writes the first of the choices for a slot that can still be read; they begin at `choice`, which is moved
// behind them. Without any, the slot becomes part of the gap before the next frame.
Status Salvager::write_slot(std::size_t& choice, bool placed, bool& written) {
  std::uint64_t slot = plan_.choices[choice].slot;
  for (; choice < plan_.choices.size() && plan_.choices[choice].slot == slot; ++choice) {
    const Choice& from = plan_.choices[choice];
    if (written) continue;
    const Sighting& sighting = copies_[from.copy].sightings[from.sighting];
    std::span<const std::uint8_t> data;
    Status status = scanner_->load(readers_[from.copy], sighting, data);
    meter_.used(sighting.clen);
    if (status.code == PAXECT_ERROR_READ) continue;
    if (!status.ok()) return status.code == PAXECT_ERROR_CANCELLED ? status : named(status, from.copy);
    // The gap before it is written only now, since it depends on the frame's having been read. Its zeros do
    // not touch the scanner's buffer.
    status = write_gap(from.offset, from.slot, placed && from.placed);
    if (status.ok()) status = write_frame(from, data);
    if (!status.ok()) return status;
    written = true;
  }
  return {};
}

Status Salvager::write_frame(const Choice& choice, std::span<const std::uint8_t> data) {
  ++(choice.confirmed ? report_.confirmed : report_.unconfirmed);
  if (!choice.confirmed) note({position_, position_ + data.size(), 1, false, choice.placed});
  position_ += data.size();
  slot_ = choice.slot + 1;
  return emit(data.data(), data.size());
}

// What lies between the data so far and this place is lost.
Status Salvager::write_gap(std::uint64_t offset, std::uint64_t slot, bool exact) {
  if (slot == slot_ && offset == position_) return {};
  SalvageRange range{position_, offset, slot - slot_, true, exact};
  note(range);
  report_.lost += range.frames;
  report_.lost_bytes += range.end - range.start;
  position_ = offset;
  slot_ = slot;
  if (skip_lost_) return {};
  static constexpr std::array<std::uint8_t, 1 << 16> kZeros{};
  Status status;
  for (std::uint64_t left = range.end - range.start; left != 0 && status.ok();) {
    std::uint64_t size = std::min<std::uint64_t>(left, kZeros.size());
    status = emit(kZeros.data(), size);
    left -= size;
  }
  return status;
}

Status Salvager::emit(const std::uint8_t* data, std::uint64_t size) {
  digest_.update(data, size);
  report_.bytes_out += size;
  meter_.written(size);
  Status status = callbacks_.write(data, size);
  if (status.ok() && !(meter_.charge(size) && meter_.ask())) status = meter_.status();
  return status;
}

// Adds a range, or extends the previous one when it continues it.
void Salvager::note(SalvageRange range) {
  if (!report_.ranges.empty()) {
    SalvageRange& last = report_.ranges.back();
    if (range.end != SalvageRange::kOpen && last.end == range.start && last.lost == range.lost &&
        last.exact == range.exact) {
      last.end = range.end;
      last.frames += range.frames;
      return;
    }
  }
  report_.ranges.push_back(range);
}

// A footer proves the data only when it belongs to a container that has an end of its copy to itself: one
// that lies in the midst of other bytes may be data of a container that is gone.
Status Salvager::conclude() {
  report_.digest = digest_.finish();
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    const FooterSighting* footer = inputs_[i].used ? copies_[i].footer() : nullptr;
    if (footer == nullptr || footer->footer.digest != report_.digest) continue;
    report_.agrees = true;
    report_.proven = report_.proven || (copies_[i].anchored && !report_.contested);
  }
  if (!report_.proven) return failure(PAXECT_ERROR_PARTIAL, partial_message());
  report_.ranges.clear();  // then every frame is right, those included that were filled in
  report_.confirmed += report_.unconfirmed + report_.lost;
  report_.unconfirmed = report_.lost = report_.lost_bytes = 0;
  report_.size = report_.bytes_out;
  report_.size_known = true;
  return {};
}

std::string Salvager::partial_message() const {
  if (report_.contested && inputs_.size() > 1)
    return "the copies are of different containers, and none has more of them: salvage those of one alone";
  if (report_.lost != 0 || plan_.placement.tail_lost)
    return "the data is not whole: " + std::to_string(report_.lost) + " of " +
           std::to_string(report_.frames) + " frames are lost";
  if (report_.agrees)
    return "the data is that of a container inside of something else: whether this is the one that is wanted "
           "is "
           "not proven; cut it out and decode it";
  if (!plan_.layout.footer_known) return "the data is not proven: the footer with its SHA-256 is lost";
  return "the data is not proven: its SHA-256 differs from the footer's";
}

std::string Salvager::nothing_message() const {
  if (inputs_.size() != 1) return "none of the copies holds a frame of a container";
  std::string message = inputs_[0].name + ": holds no frame of ";
  if (report_.foreign == 0) return message + "a container";
  return message + "the container that it is; another one begins at offset " +
         std::to_string(report_.foreign_offset) + " in it";
}

}  // namespace paxect::core
