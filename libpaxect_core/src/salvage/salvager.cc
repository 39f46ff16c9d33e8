#include "salvage/salvager.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace paxect::core {
namespace {

constexpr std::size_t kMostInputs = 64;

Status size_of(int fd, const struct stat& identity, std::uint64_t& size) {
  if (S_ISREG(identity.st_mode)) {
    size = static_cast<std::uint64_t>(identity.st_size);
    return {};
  }
  off_t here = lseek(fd, 0, SEEK_CUR);
  off_t end = here < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (end < 0 || lseek(fd, here, SEEK_SET) < 0)
    return failure(PAXECT_ERROR_READ, "is no file to read back and forth in: copy it to one first");
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
  bytes_in_ = 0;
}

Status Salvager::named(Status status, std::size_t input) const {
  status.message = inputs_[input].name + ": " + status.message;
  return status;
}

Status Salvager::add(int fd, const std::string& name) {
  if (inputs_.size() == kMostInputs)
    return failure(PAXECT_ERROR_ARGUMENT, "more than " + std::to_string(kMostInputs) + " copies");
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
  callbacks_ = callbacks;
  skip_lost_ = parameters.fill() == PAXECT_FILL_SKIP;
  if (inputs_.empty()) return failure(PAXECT_ERROR_SEQUENCE, "no copies to salvage from: add some first");
  scanner_ = std::make_unique<Scanner>(allocator_, parameters.max_frame());
  Status status = scan();
  if (!status.ok()) return status;
  std::vector<Layout> layouts;
  for (CopyIndex& copy : copies_) {
    layouts.push_back(derive_layout(copy));
    place(layouts.back(), copy);
  }
  std::vector<bool> belongs = belonging(copies_, layouts);
  plan_ = make_plan(copies_, layouts, belongs);
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].used = belongs[i];
  summarize();
  bool empty = plan_.layout.footer_known && plan_.layout.footer.total_size == 0;
  if (!plan_.choices.empty() || empty) return {};
  return failure(PAXECT_ERROR_NOTHING, inputs_.size() == 1
                                           ? inputs_[0].name + ": holds no frame of a container"
                                           : "none of the copies holds a frame of a container");
}

Status Salvager::scan() {
  readers_.clear();
  readers_.reserve(inputs_.size());
  copies_.assign(inputs_.size(), {});
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    readers_.emplace_back(allocator_, inputs_[i].fd, inputs_[i].size);
    auto progress = [&](std::uint64_t offset) { return callbacks_.report(bytes_in_ + offset, 0); };
    Status status = scanner_->scan(readers_[i], progress, copies_[i]);
    if (!status.ok()) return status.code == PAXECT_ERROR_CANCELLED ? status : named(status, i);
    bytes_in_ += inputs_[i].size;
  }
  return {};
}

// What is known before anything is written.
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
    for (const FooterSighting& footer : copy.footers)
      if (plan_.layout.footer_known && footer.footer.total_size == plan_.layout.footer.total_size)
        report_.footer_input = number;
    report_.over_limit += copy.over_limit;
    report_.search_limited = report_.search_limited || copy.search_limited;
  }
  report_.frames = plan_.placement.frames;
  report_.size_known = plan_.placement.frames_known || plan_.layout.footer_known;
  if (plan_.layout.footer_known) {
    report_.size = plan_.layout.footer.total_size;
  } else {
    report_.size = report_.frames * plan_.layout.frame_size;
    for (std::size_t i = 0; i < copies_.size(); ++i)
      for (auto last = copies_[i].sightings.rbegin(); inputs_[i].used && last != copies_[i].sightings.rend();
           ++last) {
        if (!last->takes_slot()) continue;
        if (last->slot + 1 == report_.frames)
          report_.size = last->slot * plan_.layout.frame_size + last->ulen;
        break;
      }
  }
}

std::uint64_t Salvager::offset_of(std::uint64_t slot) const {
  return std::min(slot * plan_.layout.frame_size, report_.size);
}

Status Salvager::write(const Callbacks& callbacks) {
  callbacks_ = callbacks;
  digest_.reset();
  std::uint64_t next = 0;  // slot
  bool placed = true;      // the frame before
  for (const Choice& choice : plan_.choices) {
    Status status;
    if (choice.slot != next) status = write_gap(next, choice.slot, placed && choice.placed);
    if (status.ok()) status = write_frame(choice);
    if (!status.ok()) return status;
    next = choice.slot + 1;
    placed = choice.placed;
  }
  if (next < report_.frames) {
    Status status = write_gap(next, report_.frames, placed && plan_.placement.end_placed);
    if (!status.ok()) return status;
  }
  if (plan_.placement.tail_lost) note({report_.size, SalvageRange::kOpen, 0, true, false});
  return conclude();
}

Status Salvager::write_frame(const Choice& choice) {
  const Sighting& sighting = copies_[choice.copy].sightings[choice.sighting];
  std::span<const std::uint8_t> data;
  Status status = scanner_->load(readers_[choice.copy], sighting, data);
  if (!status.ok()) return named(status, choice.copy);
  ++(choice.confirmed ? report_.confirmed : report_.unconfirmed);
  if (!choice.confirmed) {
    std::uint64_t start = offset_of(choice.slot);
    note({start, start + data.size(), 1, false, choice.placed});
  }
  status = emit(data.data(), data.size());
  bytes_in_ += sighting.clen;
  return status.ok() ? callbacks_.report(bytes_in_, report_.bytes_out) : status;
}

// Slots from `from` to before `to` are lost.
Status Salvager::write_gap(std::uint64_t from, std::uint64_t to, bool exact) {
  SalvageRange range{offset_of(from), offset_of(to), to - from, true, exact};
  note(range);
  report_.lost += range.frames;
  report_.lost_bytes += range.end - range.start;
  if (skip_lost_) return {};
  static constexpr std::array<std::uint8_t, 1 << 16> kZeros{};
  Status status;
  for (std::uint64_t left = range.end - range.start; left != 0 && status.ok();) {
    std::uint64_t size = std::min<std::uint64_t>(left, kZeros.size());
    status = emit(kZeros.data(), size);
    if (status.ok()) status = callbacks_.report(bytes_in_, report_.bytes_out);
    left -= size;
  }
  return status;
}

Status Salvager::emit(const std::uint8_t* data, std::uint64_t size) {
  digest_.update(data, size);
  report_.bytes_out += size;
  return callbacks_.write(data, size);
}

// Adds a range, to the one before when it goes on.
void Salvager::note(SalvageRange range) {
  if (!report_.ranges.empty()) {
    SalvageRange& last = report_.ranges.back();
    if (last.end == range.start && last.lost == range.lost && last.exact == range.exact) {
      last.end = range.end;
      last.frames += range.frames;
      return;
    }
  }
  report_.ranges.push_back(range);
}

Status Salvager::conclude() {
  report_.digest = digest_.finish();
  for (std::size_t i = 0; i < copies_.size(); ++i)
    for (const FooterSighting& sighting : copies_[i].footers)
      if (inputs_[i].used && sighting.footer.digest == report_.digest) report_.proven = true;
  if (report_.proven) {  // then so is every frame, those included that were filled in
    report_.ranges.clear();
    report_.confirmed += report_.unconfirmed + report_.lost;
    report_.unconfirmed = report_.lost = report_.lost_bytes = 0;
    report_.size = report_.bytes_out;
    report_.size_known = true;
    return {};
  }
  const Layout& layout = plan_.layout;
  std::string message = "the data is ";
  if (report_.lost != 0 || plan_.placement.tail_lost)
    message += "not whole: " + std::to_string(report_.lost) + " of " + std::to_string(report_.frames) +
               " frames are lost";
  else if (!layout.footer_known)
    message += "not proven: the footer with its SHA-256 is lost";
  else
    message += "not proven: its SHA-256 differs from the footer's";
  return failure(PAXECT_ERROR_PARTIAL, message);
}

}  // namespace paxect::core
