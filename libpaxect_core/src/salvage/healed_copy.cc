#include "salvage/healed_copy.h"

#include <algorithm>
#include <cstring>

#include "protect/origin.h"

namespace paxect::core {
namespace {

// A scan reads windows in order, and at most again for what it restores. Whatever makes it jump between
// windows, so often in all is one restored in each phase.
constexpr std::uint64_t kLoadsPerWindow = 4;
constexpr std::uint64_t kMoreLoads = 16;

// Copies what of `bytes`, which begin at `at`, is in the piece of `size` bytes at `offset`.
void overlay(std::span<const std::uint8_t> bytes, std::uint64_t at, std::uint64_t offset, std::uint8_t* out,
             std::uint64_t size) {
  std::uint64_t begin = std::max(at, offset);
  std::uint64_t end = std::min(at + bytes.size(), offset + size);
  if (begin < end) std::memcpy(out + (begin - offset), bytes.data() + (begin - at), end - begin);
}

}  // namespace

Status HealedCopy::find(std::vector<CopyInput> inputs, const std::vector<bool>& used, WorkMeter& whole,
                        bool& found) {
  found = false;
  inputs_ = std::move(inputs);
  // Of another container.
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (!used[i]) inputs_[i].size = 0;
  meter_.begin_part(whole);
  std::vector<Records> records;
  std::vector<std::uint64_t> sizes;
  records.reserve(inputs_.size());
  sizes.reserve(inputs_.size());
  found_.resize(inputs_.size());
  copies_.reserve(inputs_.size());
  for (const CopyInput& input : inputs_) {
    CopyRecords& shared = found_[copies_.size()];
    shared.search_budget = search_budget(input.size);
    copies_.push_back({CopyReader(allocator_, input.fd, input.size, meter_), &shared});
    records.push_back(scan_records(copies_.back().reader));
    if (!copies_.back().reader.failure().ok()) return copies_.back().reader.failure();
    sizes.push_back(input.size);
  }
  if (!map_.build_partial(records, sizes, meter_)) return meter_.status();
  for (std::size_t i = 0; i < records.size(); ++i) {
    found_[i].records = std::move(records[i]);
    if (map_.records_in(i) > map_.records_in(base_)) base_ = i;
  }
  loads_left_ = kLoadsPerWindow * map_.plans().size() + kMoreLoads;
  Status status = find_begin();
  // Where nothing says how long the container is, it ends with the copy.
  const std::uint64_t base_size = inputs_[base_].size;
  std::int64_t end_shift = shift_at(base_size, base_size);
  std::uint64_t end = std::min(base_size - static_cast<std::uint64_t>(end_shift), map_.max_size());
  size_ = map_.size() != 0 ? map_.size() : std::max(end, map_.plans().back().window.end());
  if (status.ok()) status = check_base();
  found = status.ok();
  return status;
}

void HealedCopy::begin_writing() {
  for (RepairCopy& copy : copies_) copy.found->search_budget = search_budget(copy.reader.size());
  loads_left_ = kLoadsPerWindow * map_.plans().size() + kMoreLoads;
}

// Where the container begins in the base: where its header is or, if that is damaged, as the first record
// shows.
Status HealedCopy::find_begin() {
  const std::vector<std::int64_t> shifts = map_.shifts(base_, 0, 0);
  begin_shift_ = shifts.size() > 1 ? shifts[1] : shifts[0];
  std::array<std::uint8_t, kHeaderSize> header{};
  std::array<std::uint8_t, kHeaderSize> there{};
  if (map_.plans().front().window.offset == 0 && map_.plans().front().window.shape.length >= kHeaderSize) {
    const Slot* slot = nullptr;
    if (Status status = load(0, slot); !status.ok()) return status;
    if (slot != nullptr) std::copy_n(slot->window.bytes(), header.size(), header.begin());
  }
  if (map_.trailer()) header = map_.trailer()->header;
  CopyReader& reader = copies_[base_].reader;
  for (std::int64_t shift : shifts) {
    auto at = static_cast<std::uint64_t>(shift);
    if (shift < 0 || at > reader.size() || reader.size() - at < header.size()) continue;
    if (!reader.read(at, there.data(), there.size())) return reader.failure();
    if (there != header) continue;
    begin_shift_ = shift;
    slots_[0].plan = slots_[1].plan = SIZE_MAX;  // they may have been filled from elsewhere
    break;
  }
  return {};
}

std::int64_t HealedCopy::shift_at(std::uint64_t offset, std::uint64_t end) const {
  return map_.is_before_records(base_, offset) ? begin_shift_ : map_.shifts(base_, offset, end).front();
}

// Of a container whose first window is not restored, or whose end nothing shows, the base may be anything. No
// byte of it may be outside of the container, which a repair allows; and it has to have one end of it, at
// least.
Status HealedCopy::check_base() {
  const WindowPlan& first = map_.plans().front();
  const Slot* slot = nullptr;
  if (map_.size() == 0 || first.window.number != 0) return {};
  if (Status status = load(0, slot); !status.ok()) return status;
  if (slot == nullptr || !slot->is_restored) return {};
  const std::span bytes(slot->window.bytes(), static_cast<std::size_t>(first.window.shape.length));
  CopyExtent extent;
  const Status origin = check_origin(map_, base_, copies_[base_], bytes, extent);
  const auto base_size = static_cast<std::int64_t>(inputs_[base_].size);
  const std::int64_t end = static_cast<std::int64_t>(size_) + shift_at(size_ - kFooterSize, size_);
  const bool has_others = begin_shift_ > 0 || end < base_size;
  explains_base_ = origin.ok() && !has_others && (begin_shift_ == 0 || end == base_size);
  return copies_[base_].reader.failure();
}

// A container that holds a protected one as its data has its own header, and frames of its own.
bool HealedCopy::belongs_to(const CopyIndex& base, const CopyIndex& healed, WorkMeter& meter) const {
  if (base.header_found && static_cast<std::int64_t>(base.header_offset) != begin_shift_) return false;
  using Contents = std::pair<std::uint32_t, std::uint32_t>;
  auto contents_of = [&](const CopyIndex& index) {
    std::vector<Contents> all;
    for (const Sighting& sighting : index.sightings) {
      if (!meter.pass()) break;
      if (sighting.finding == Finding::kConfirmed && !sighting.foreign)
        all.emplace_back(sighting.crc_data, sighting.ulen);
    }
    sort(all, std::less<>(), meter);
    return all;
  };
  const std::vector<Contents> own = contents_of(base);
  const std::vector<Contents> here = contents_of(healed);
  if (!meter.status().ok()) return false;
  auto shared = std::count_if(own.begin(), own.end(), [&](const Contents& each) {
    return std::binary_search(here.begin(), here.end(), each);
  });
  return own.empty() || 2 * static_cast<std::size_t>(shared) > own.size();
}

Status HealedCopy::read(std::uint64_t offset, std::uint8_t* out, std::size_t size) {
  const std::vector<WindowPlan>& plans = map_.plans();
  for (std::uint64_t done = 0; done != size;) {
    const std::uint64_t at = offset + done;
    auto next =
        std::upper_bound(plans.begin(), plans.end(), at,
                         [](std::uint64_t place, const WindowPlan& p) { return place < p.window.end(); });
    const bool inside = next != plans.end() && next->window.offset <= at;
    std::uint64_t end = offset + size;
    if (next != plans.end()) end = std::min(end, inside ? next->window.end() : next->window.offset);
    const Slot* slot = nullptr;
    Status status;
    if (inside) status = load(static_cast<std::size_t>(next - plans.begin()), slot);
    if (slot != nullptr)
      std::memcpy(out + done, slot->window.bytes() + (at - next->window.offset), end - at);
    else if (status.ok())
      status = read_base(at, out + done, end - at);
    if (!status.ok()) return status;
    done = end - offset;
  }
  read_known(offset, out, size);
  return {};
}

// `loaded` stays nullptr when windows were restored too often.
Status HealedCopy::load(std::size_t plan, const Slot*& loaded) {
  Slot* slot = &slots_[slots_[0].used > slots_[1].used ? 1 : 0];
  for (Slot& each : slots_)
    if (each.plan == plan) slot = &each;
  if (slot->plan != plan) {
    limited_ = limited_ || loads_left_ == 0;
    if (loads_left_ == 0) return {};
    --loads_left_;
    slot->plan = SIZE_MAX;
    const WindowPlan& wanted = map_.plans()[plan];
    WindowDamage damage;
    Status status = slot->window.run(map_, wanted, copies_, damage);
    if (status.ok())
      status = slot->window.fill(copies_[base_], shift_at(wanted.window.offset, wanted.window.end()));
    if (!status.ok()) return status;
    slot->plan = plan;
    slot->is_restored = damage.lacking == 0;
  }
  slot->used = ++clock_;
  loaded = slot;
  return {};
}

Status HealedCopy::read_base(std::uint64_t offset, std::uint8_t* out, std::uint64_t size) {
  CopyReader& reader = copies_[base_].reader;
  const std::int64_t shift = shift_at(offset, offset + size);
  std::memset(out, 0, size);
  std::int64_t at = static_cast<std::int64_t>(offset) + shift;
  std::int64_t end = std::min(at + static_cast<std::int64_t>(size), static_cast<std::int64_t>(reader.size()));
  std::int64_t skip = std::max<std::int64_t>(0, -at);
  if (at + skip >= end) return {};
  if (!reader.read(static_cast<std::uint64_t>(at + skip), out + skip,
                   static_cast<std::size_t>(end - at - skip)))
    return reader.failure();
  return {};
}

// What the map says of the container: its header and footer, and where its extension frames begin.
void HealedCopy::read_known(std::uint64_t offset, std::uint8_t* out, std::uint64_t size) const {
  if (const std::optional<Trailer>& trailer = map_.trailer()) {
    overlay(trailer->header, 0, offset, out, size);
    if (trailer->container_size == size_) overlay(trailer->footer, size_ - kFooterSize, offset, out, size);
  }
  std::array<std::uint8_t, kFrameHeaderSize + kExtensionPrefixSize> start;
  const std::vector<ExtensionLayout>& all = map_.extensions();
  auto first = std::lower_bound(
      all.begin(), all.end(), offset,
      [&](const ExtensionLayout& e, std::uint64_t at) { return e.offset + start.size() <= at; });
  for (; first != all.end() && first->offset < offset + size; ++first) {
    write_extension_start(first->size(), start);
    overlay(start, first->offset, offset, out, size);
  }
}

}  // namespace paxect::core
