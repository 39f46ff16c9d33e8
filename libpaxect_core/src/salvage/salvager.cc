#include "salvage/salvager.h"

#include <algorithm>
#include <tuple>

#include "salvage/identity.h"

namespace paxect::core {

void Salvager::reset() noexcept {
  clear();
  inputs_.clear();
}

void Salvager::clear() noexcept {
  readers_.clear();
  copies_.clear();
  given_ = 0;
  proven_copy_.reset();
  repaired_.reset();
  claims_.clear();
  healed_.reset();
  scanner_.reset();
  plan_ = {};
  report_ = {};
}

Status Salvager::named(Status status, std::size_t copy) const {
  status.message = inputs_[owner(copy)].name + ": " + status.message;
  return status;
}

Status Salvager::add(int fd, const std::string& name) {
  SalvageInput input;
  Status status = open_copy(fd, name, inputs_.size(), input);
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
  for (std::size_t i = 0; i < copies_.size(); ++i) place(layouts[i], copies_[i], meter_);
  Likenesses likenesses = compare_all(copies_, layouts, meter_);
  status = settle_disputes(likenesses);
  if (status.ok()) status = compare_records(likenesses);
  if (!status.ok()) return status;
  Belonging belonging = find_belonging(copies_, likenesses, meter_);
  std::vector<bool> used = belonging.used;
  status = repair(belonging, parameters.max_frame());
  if (!status.ok()) return status;
  if (repaired_) {
    summarize_repaired();
    return meter_.status();
  }
  status = heal(layouts, used);
  if (!status.ok()) return status;
  for (std::size_t i = 0; proven_copy_ && i < used.size(); ++i) used[i] = i == *proven_copy_;
  plan_ = make_plan(copies_, layouts, used, meter_);
  if (proven_copy_) add_substitutes(belonging.used);
  if (!meter_.status().ok()) return meter_.status();
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].used = belonging.used[i];
  summarize();
  copies_differ_ = copies_differ_ || belonging.contested;
  report_.contested = report_.contested || copies_differ_;
  bool empty = plan_.layout.footer_known && plan_.layout.footer.total_size == 0;
  if (!plan_.choices.empty() || empty) return {};
  for (SalvageInput& input : inputs_) input.used = false;
  return failure(PAXECT_ERROR_NOTHING, nothing_message());
}

// A frame of the proven copy that can no longer be read is taken from a copy that has one with the same
// contents, as far as length and CRC-32 show it; the SHA-256 of all data decides.
void Salvager::add_substitutes(const std::vector<bool>& used) {
  using Contents = std::pair<std::uint32_t, std::uint32_t>;
  std::vector<std::pair<Contents, Choice>> others;
  for (std::size_t i = 0; i < given_; ++i) {
    if (!used[i] || i == *proven_copy_) continue;
    for (std::size_t number = 0; number < copies_[i].sightings.size(); ++number) {
      const Sighting& sighting = copies_[i].sightings[number];
      if (!meter_.pass()) return;
      if (sighting.finding != Finding::kConfirmed || sighting.foreign) continue;
      others.push_back({{sighting.crc_data, sighting.ulen},
                        {.copy = static_cast<std::uint32_t>(i),
                         .sighting = static_cast<std::uint32_t>(number),
                         .confirmed = true}});
    }
  }
  // One of each copy is enough. So a frame has less substitutes than there are copies, however many frames
  // have the same contents.
  const auto by_copy = [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.copy) < std::tie(b.first, b.second.copy);
  };
  if (others.empty() || !sort(others, by_copy, meter_)) return;
  const auto of_one_copy = [&](const auto& a, const auto& b) { return !by_copy(a, b); };
  others.erase(std::unique(others.begin(), others.end(), of_one_copy), others.end());
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::vector<Choice> choices;
  for (const Choice& choice : plan_.choices) {
    choices.push_back(choice);
    const Sighting& sighting = copies_[choice.copy].sightings[choice.sighting];
    const std::pair<Contents, Choice> wanted{{sighting.crc_data, sighting.ulen}, {}};
    for (auto [at, end] = std::equal_range(others.begin(), others.end(), wanted, before); at != end; ++at) {
      if (!meter_.pass()) return;
      Choice substitute = at->second;
      substitute.slot = choice.slot;
      substitute.offset = choice.offset;
      substitute.placed = choice.placed;
      choices.push_back(substitute);
    }
  }
  plan_.choices = std::move(choices);
}

Status Salvager::scan(std::vector<Layout>& layouts) {
  capacity_ = 0;
  for (const SalvageInput& input : inputs_)
    capacity_ += std::min(max_data(input.size), UINT64_MAX - capacity_);
  proven_copy_.reset();
  repaired_.reset();
  claims_.clear();
  healed_.reset();
  copies_differ_ = false;
  readers_.clear();
  readers_.reserve(inputs_.size() + 1);
  copies_.assign(inputs_.size(), {});
  given_ = inputs_.size();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    readers_.emplace_back(allocator_, inputs_[i].fd, inputs_[i].size, meter_);
    Status status = scan_one(i, layouts);
    if (!status.ok()) return status;
  }
  std::vector<const CopyReader*> readers;
  readers.reserve(readers_.size());
  for (const CopyReader& reader : readers_) readers.push_back(&reader);
  const std::optional<std::size_t> failing = find_undelivered(readers);
  if (!failing) return {};
  return system_failure(PAXECT_ERROR_READ, inputs_[*failing].name, "cannot read", readers[*failing]->error());
}

Status Salvager::scan_one(std::size_t copy, std::vector<Layout>& layouts) {
  Status status = scanner_->scan(readers_[copy], copies_[copy]);
  bool restored = false;
  if (status.ok()) {
    layouts.push_back(identify(copies_[copy], capacity_, meter_));
    status = scanner_->restore(readers_[copy], layouts[copy], copies_[copy], restored);
  }
  if (!status.ok()) return status.code == PAXECT_ERROR_CANCELLED ? status : named(status, copy);
  if (restored) layouts[copy] = identify(copies_[copy], capacity_, meter_);
  return {};
}

// A large container has too many extension frames to lose all.
bool Salvager::may_be_protected(std::size_t copy) {
  constexpr std::uint64_t kSmall = std::uint64_t{64} << 20;
  if (copies_[copy].size <= kSmall) return true;
  const auto& all = copies_[copy].sightings;
  return std::any_of(all.begin(), all.end(), [&](const Sighting& sighting) {
    return meter_.pass() && sighting.finding == Finding::kExtension;
  });
}

bool Salvager::may_be_protected() {
  for (std::size_t i = 0; i < given_; ++i)
    if (may_be_protected(i)) return true;
  return false;
}

bool Salvager::is_all_confirmed(const CopyIndex& copy) {
  return std::all_of(copy.sightings.begin(), copy.sightings.end(), [&](const Sighting& sighting) {
    return meter_.pass() && (sighting.foreign || sighting.finding == Finding::kConfirmed ||
                             sighting.finding == Finding::kExtension);
  });
}

bool Salvager::has_whole_copy(const std::vector<bool>& used) {
  for (std::size_t i = 0; i < given_; ++i)
    if (used[i] && copies_[i].complete && is_all_confirmed(copies_[i])) return true;
  return false;
}

// Frames of the other copies, which may have been moved in them, are not to replace those of a proven copy.
Status Salvager::find_proven_copy(const std::vector<bool>& used) {
  for (std::size_t i = 0; i < given_ && !proven_copy_; ++i) {
    const CopyIndex& copy = copies_[i];
    if (!used[i] || !copy.intact || copy.contested || !is_all_confirmed(copy)) continue;
    bool is_proven = false;
    if (Status status = prove_alone(i, is_proven); !status.ok()) return status;
    if (is_proven) proven_copy_ = i;
  }
  return meter_.status();
}

// All copies but those that were left out and are of another container by their records: a repair would be
// refused because of them.
std::vector<bool> Salvager::not_of_others(const std::vector<bool>& used) {
  std::vector<bool> taken(given_, true);
  for (std::size_t i = 0; i < claims_.size(); ++i)
    for (std::size_t j = 0; j < claims_.size() && !used[i]; ++j)
      taken[i] = taken[i] && !(used[j] && contradict(claims_, i, j, Place::kCertain, meter_));
  return taken;
}

// Sets repaired_ if a repair proves the container, unless one of the copies is something else: then the
// copies decide.
Status Salvager::repair(const Belonging& belonging, std::uint64_t max_frame) {
  const std::vector<bool>& used = belonging.used;
  is_protected_ = may_be_protected();
  if (!is_protected_ && given_ == 1) return meter_.status();
  Status proof = find_proven_copy(used);
  if (!proof.ok() || proven_copy_ || !is_protected_) return proof;
  auto repaired = std::make_unique<RepairedContainer>(allocator_);
  bool proven = false;
  const std::vector<bool> taken = not_of_others(used);
  Status status = repaired->find({inputs_.begin(), inputs_.end()}, taken, copies_, max_frame, meter_, proven);
  if (!status.ok()) return status;
  is_protected_ = repaired->has_protection();
  for (std::size_t i = 0; proven && i < given_; ++i) proven = !repaired->is_opposed_by(i, copies_[i], meter_);
  if (!proven) return meter_.status();
  repaired_ = std::move(repaired);
  copies_differ_ = belonging.contested && std::find(taken.begin(), taken.end(), false) != taken.end();
  return meter_.status();
}

void Salvager::summarize_repaired() {
  report_ = {};
  Layout& layout = report_.layout;
  layout.frame_size = repaired_->header().frame_size;
  layout.channels = repaired_->header().channels;
  layout.footer_known = true;
  layout.footer = repaired_->footer();
  report_.header_input = report_.footer_input = static_cast<std::int32_t>(repaired_->base());
  report_.frames = repaired_->frames();
  report_.size = repaired_->footer().total_size;
  report_.size_known = true;
  report_.contested = copies_differ_ || !repaired_->is_explained();
  for (std::size_t i = 0; i < given_; ++i) inputs_[i].used = repaired_->is_in(i, copies_[i], meter_);
}

Status Salvager::write_repaired() {
  auto forward = [this](const void* data, std::size_t size) {
    emitted_ = emit(static_cast<const std::uint8_t*>(data), size);
    meter_.used(size);
    return emitted_.ok() ? 0 : 1;
  };
  Callbacks to_output;
  to_output.sink = [](void* self, const void* data, std::size_t size) -> std::int32_t {
    return (*static_cast<decltype(forward)*>(self))(data, size);
  };
  to_output.sink_opaque = &forward;
  emitted_ = {};
  Status status = repaired_->write(to_output, meter_);
  if (!emitted_.ok()) return emitted_;
  if (!status.ok()) return status;
  report_.digest = digest_.finish();
  report_.agrees = true;
  report_.proven = !report_.contested;
  report_.confirmed = report_.frames;
  if (report_.proven) return {};
  return failure(PAXECT_ERROR_PARTIAL, copies_differ_ ? different_message() : surrounded_message());
}

// What protection restores of the container becomes one more copy of it. It is of the copies that are used
// already and has no voice in which ones these are. Copies of different containers among them would give the
// one or the other, depending on which has more records.
Status Salvager::heal(std::vector<Layout>& layouts, std::vector<bool>& used) {
  if (!is_protected_ || has_whole_copy(used)) return meter_.status();
  healed_ = std::make_unique<HealedCopy>(allocator_);
  bool found = false;
  Status status = healed_->find({inputs_.begin(), inputs_.end()}, used, meter_, found);
  if (!status.ok()) return status;
  const std::size_t healed = given_;
  if (found) {
    readers_.emplace_back(allocator_, *healed_, healed_->size(), meter_);
    copies_.emplace_back();
    status = scan_one(healed, layouts);
    if (!status.ok()) return status;
    place(layouts[healed], copies_[healed], meter_);
    if (healed_->belongs_to(copies_[healed_->base()], copies_[healed], meter_)) {
      for (std::size_t i = 0; i < claims_.size(); ++i)
        for (std::size_t j = i + 1; j < claims_.size() && used[i]; ++j)
          copies_differ_ = copies_differ_ || (used[j] && contradict(claims_, i, j, Place::kPossible, meter_));
      used.push_back(true);
      return meter_.status();
    }
    readers_.pop_back();
    copies_.pop_back();
    layouts.pop_back();
  }
  return meter_.status();
}

// Of two complete copies whose frames are equal by their CRC-32, and whose footers have different digests,
// one has a damaged footer, unless both footers are right: then the copies are of different containers.
Status Salvager::settle_disputes(Likenesses& likenesses) {
  std::vector<std::optional<bool>> proven(copies_.size());
  for (std::size_t i = 0; i < copies_.size(); ++i)
    for (std::size_t j = i + 1; j < copies_.size(); ++j) {
      if (!likenesses[i][j].disputed) continue;
      for (std::size_t copy : {i, j}) {
        if (proven[copy]) continue;
        bool is_proven = false;
        Status status = prove_alone(copy, is_proven);
        if (!status.ok()) return status;
        proven[copy] = is_proven;
      }
      likenesses[i][j].apart = likenesses[j][i].apart = *proven[i] && *proven[j];
    }
  return meter_.status();
}

// Copies whose records of protection are of different containers contradict each other, whatever frames they
// have in common.
Status Salvager::compare_records(Likenesses& likenesses) {
  if (given_ < 2) return meter_.status();
  for (std::size_t i = 0; i < given_; ++i) {
    claims_.emplace_back();
    if (!may_be_protected(i)) continue;
    claims_.back() = read_claim(readers_[i], meter_);
    if (!readers_[i].failure().ok()) return readers_[i].failure();
  }
  for (std::size_t i = 0; i < given_; ++i)
    for (std::size_t j = i + 1; j < given_; ++j) {
      Likeness& likeness = likenesses[i][j];
      if (likeness.same_footer || !contradict(claims_, i, j, Place::kCertain, meter_)) continue;
      likeness.apart = likeness.by_records = true;
      likeness.headers_only = false;
      likenesses[j][i] = likeness;
    }
  return meter_.status();
}

// Whether the data of a complete copy has the digest of its own footer.
Status Salvager::prove_alone(std::size_t copy, bool& proven) {
  Sha256 digest;
  digest.reset();
  proven = false;
  for (const Sighting& sighting : copies_[copy].sightings) {
    if (sighting.foreign || sighting.finding == Finding::kExtension) continue;
    if (!sighting.has_data()) return {};
    std::span<const std::uint8_t> data;
    Status status = scanner_->load(readers_[copy], sighting, data);
    if (status.code == PAXECT_ERROR_READ) return {};
    if (!status.ok()) return status.code == PAXECT_ERROR_CANCELLED ? status : named(status, copy);
    digest.update(data.data(), data.size());
    if (!meter_.charge(data.size())) return meter_.status();
  }
  proven = digest.finish() == copies_[copy].footer()->footer.digest;
  return {};
}

// Reports what is known before anything is written.
void Salvager::summarize() {
  report_ = {};
  report_.layout = plan_.layout;
  bool sound_copy = false;
  for (std::size_t i = copies_.size(); i-- != 0;) {
    const CopyIndex& copy = copies_[i];
    if (!inputs_[owner(i)].used) continue;
    auto number = static_cast<std::int32_t>(owner(i));
    if (copy.header_found && copy.header.frame_size == plan_.layout.frame_size &&
        copy.header.channels == plan_.layout.channels)
      report_.header_input = number;
    if (copy.footer() != nullptr && plan_.layout.footer_known &&
        copy.footer()->footer.total_size == plan_.layout.footer.total_size)
      report_.footer_input = number;
    report_.search_limited = report_.search_limited || copy.search_limited;
    if (is_healed(i)) {
      report_.search_limited = report_.search_limited || healed_->limited();
      sound_copy = sound_copy || (healed_->explains_base() && copy.intact && !copy.contested);
      continue;
    }
    report_.over_limit += copy.over_limit;
    report_.contested = report_.contested || copy.contested;
    sound_copy = sound_copy || (copy.intact && !copy.contested);
    report_.foreign += copy.foreign;
    if (copy.foreign == 0) continue;
    report_.foreign_input = number;
    report_.foreign_offset = copy.foreign_offset;
  }
  // A copy that is nothing but this container shows which one is meant.
  report_.contested = report_.contested && !sound_copy;
  report_.frames = plan_.placement.frames;
  report_.size_known = plan_.placement.frames_known || plan_.layout.footer_known;
  report_.size = plan_.size;
}

Status Salvager::write(const Callbacks& callbacks) {
  meter_.set_callbacks(callbacks);
  callbacks_ = callbacks;
  if (healed_) healed_->begin_writing();
  digest_.reset();
  if (repaired_) return write_repaired();
  position_ = slot_ = 0;
  all_placed_ = true;
  bool placed = true;  // the frame before
  for (std::size_t i = 0; i < plan_.choices.size();) {
    const Choice& first = plan_.choices[i];
    bool written = false;
    Status status = write_slot(i, placed, written);
    if (!status.ok()) return status;
    if (written) placed = first.placed;
    all_placed_ = all_placed_ && first.placed;
  }
  Status status = write_gap(plan_.size, report_.frames, placed && plan_.placement.end_placed);
  if (!status.ok()) return status;
  if (!report_.size_known)  // more may have followed, even if no bytes of it are left
    note({report_.size, SalvageRange::kOpen, 0, true, false});
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

}  // namespace paxect::core
