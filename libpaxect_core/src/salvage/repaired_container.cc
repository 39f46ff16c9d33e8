#include "salvage/repaired_container.h"

#include <algorithm>
#include <array>
#include <span>

#include "format.h"

namespace paxect::core {
namespace {

// Takes a valid container in pieces and calls a function with the header of each data frame.
template <class Take>
class FrameHeaders {
 public:
  explicit FrameHeaders(Take take) : take_(std::move(take)) {}

  void write(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      if (skip_ != 0) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
        skip_ -= size;
        bytes = bytes.subspan(size);
        continue;
      }
      const std::size_t size = std::min(gathered_.size() - size_, bytes.size());
      std::copy_n(bytes.begin(), size, gathered_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += size;
      bytes = bytes.subspan(size);
      if (size_ != gathered_.size()) continue;
      size_ = 0;
      const FrameHeader header = read_frame_header(gathered_);
      skip_ = header.clen;
      if (header.ulen != 0) take_(header);
    }
  }

 private:
  Take take_;
  std::uint64_t skip_ = kHeaderSize;
  std::array<std::uint8_t, kFrameHeaderSize> gathered_{};
  std::size_t size_ = 0;
};

// Takes a container in pieces and notes which of the wanted frames begin anywhere in it: those that are in
// its data have been stored uncompressed.
class FrameSearch {
 public:
  using Contents = std::pair<std::uint32_t, std::uint32_t>;

  // `wanted`: sorted, without duplicates.
  explicit FrameSearch(std::vector<Contents> wanted) : wanted_(std::move(wanted)), found_(wanted_.size()) {}

  void write(std::span<const std::uint8_t> bytes, WorkMeter& meter) {
    if (wanted_.empty()) return;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    auto at = bytes_.begin();
    while (meter.charge(WorkMeter::kStep)) {
      at = std::search(at, bytes_.end(), kZstdMagic.begin(), kZstdMagic.end());
      if (at == bytes_.end()) break;
      if (static_cast<std::size_t>(at - bytes_.begin()) >= kFrameHeaderSize) check(&*at - kFrameHeaderSize);
      ++at;
    }
    constexpr std::size_t kKept = kFrameHeaderSize + kZstdMagic.size() - 1;
    if (bytes_.size() > kKept) bytes_.erase(bytes_.begin(), bytes_.end() - kKept);
  }
  std::vector<Contents> found() const {
    std::vector<Contents> all;
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      if (found_[i]) all.push_back(wanted_[i]);
    return all;
  }

 private:
  void check(const std::uint8_t* at) {
    const FrameHeader header =
        read_frame_header(std::span<const std::uint8_t, kFrameHeaderSize>(at, kFrameHeaderSize));
    const Contents contents(header.crc, header.ulen);
    const auto place = std::lower_bound(wanted_.begin(), wanted_.end(), contents);
    if (place != wanted_.end() && *place == contents)
      found_[static_cast<std::size_t>(place - wanted_.begin())] = true;
  }

  std::vector<Contents> wanted_;
  std::vector<bool> found_;
  std::vector<std::uint8_t> bytes_;  // the last ones, and those of this call
};

std::int32_t ask(void* meter, std::uint64_t /*in*/, std::uint64_t /*out*/) {
  return static_cast<WorkMeter*>(meter)->ask() ? 0 : 1;
}

bool counts(const Sighting& sighting) { return sighting.finding == Finding::kConfirmed && !sighting.foreign; }

// `write` is called with the bytes and returns 0 to continue.
template <class Write>
Callbacks callbacks_to(Write& write, WorkMeter& meter) {
  Callbacks callbacks;
  callbacks.sink = [](void* self, const void* data, std::size_t size) -> std::int32_t {
    return (*static_cast<Write*>(self))({static_cast<const std::uint8_t*>(data), size});
  };
  callbacks.sink_opaque = &write;
  callbacks.progress = ask;
  callbacks.progress_opaque = &meter;
  return callbacks;
}

}  // namespace

Status RepairedContainer::find(const std::vector<CopyInput>& inputs, const std::vector<bool>& taken,
                               std::span<const CopyIndex> indexes, std::uint64_t max_frame, WorkMeter& meter,
                               bool& proven) {
  proven = false;
  std::vector<Contents> wanted;
  for (const CopyIndex& index : indexes)
    for (const Sighting& sighting : index.sightings) {
      if (!meter.pass()) return meter.status();
      if (counts(sighting)) wanted.emplace_back(sighting.crc_data, sighting.ulen);
    }
  if (!sort(wanted, std::less<>(), meter)) return meter.status();
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  FrameSearch search(std::move(wanted));
  // The work is that of a salvage, which has one thread.
  Status status = parameters_.set(PAXECT_PARAM_THREADS, 1);
  if (status.ok()) status = parameters_.set(PAXECT_PARAM_MAX_FRAME, static_cast<std::int64_t>(max_frame));
  for (std::size_t i = 0; i < inputs.size() && status.ok(); ++i) {
    if (!taken[i]) continue;
    numbers_.push_back(i);
    status = repairer_.add(inputs[i].fd, inputs[i].name);
  }
  FrameHeaders headers([&](const FrameHeader& header) { contents_.emplace_back(header.crc, header.ulen); });
  std::uint64_t seen = 0;
  auto take = [&](std::span<const std::uint8_t> bytes) {
    const std::uint64_t left = repairer_.report().size - kFooterSize - seen;
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left)));
    seen += bytes.size();
    headers.write(bytes);
    search.write(bytes, meter);
    return meter.status().ok() ? 0 : 1;
  };
  // Whether the container is explained is for the salvage to decide.
  if (status.ok())
    status = repairer_.run(parameters_, callbacks_to(take, meter), Repairer::Output::kContainer,
                           Repairer::Origin::kAny);
  // DAMAGED without windows: the records of the first one are lost.
  if (!meter.status().ok()) return meter.status();
  held_ = search.found();
  has_protection_ = repairer_.report().windows != 0 || status.code == PAXECT_ERROR_DAMAGED;
  if (status.code == PAXECT_ERROR_MEMORY || status.code == PAXECT_ERROR_CANCELLED) return status;
  if (!status.ok()) return {};
  header_ = repairer_.header();
  footer_ = repairer_.report().footer;
  for (std::size_t i = 0; i < numbers_.size(); ++i) is_explained_ = is_explained_ || repairer_.explains(i);
  if (!sort(contents_, std::less<>(), meter)) return meter.status();
  proven = true;
  return {};
}

bool RepairedContainer::has(const Sighting& sighting) const {
  return sighting.finding == Finding::kConfirmed &&
         std::binary_search(contents_.begin(), contents_.end(), Contents(sighting.crc_data, sighting.ulen));
}

bool RepairedContainer::has_or_holds(const Sighting& sighting) const {
  return has(sighting) ||
         std::binary_search(held_.begin(), held_.end(), Contents(sighting.crc_data, sighting.ulen));
}

bool RepairedContainer::was_taken(std::size_t copy) const {
  return std::binary_search(numbers_.begin(), numbers_.end(), copy);
}

std::size_t RepairedContainer::records_in(std::size_t copy) const {
  const auto found = std::lower_bound(numbers_.begin(), numbers_.end(), copy);
  return repairer_.records_in(static_cast<std::size_t>(found - numbers_.begin()));
}

bool RepairedContainer::is_opposed_by(std::size_t copy, const CopyIndex& index, WorkMeter& meter) const {
  if (!was_taken(copy) || records_in(copy) != 0) return false;
  std::size_t all = 0;
  std::size_t here = 0;
  for (const Sighting& sighting : index.sightings) {
    if (!meter.charge(WorkMeter::kStep)) return false;
    if (!counts(sighting)) continue;
    ++all;
    if (has_or_holds(sighting)) ++here;
  }
  return all != 0 && 2 * here <= all;
}

bool RepairedContainer::is_in(std::size_t copy, const CopyIndex& index, WorkMeter& meter) const {
  if (!was_taken(copy)) return false;
  if (records_in(copy) != 0) return true;
  if (index.header_found && index.header.frame_size == header_.frame_size &&
      index.header.channels == header_.channels)
    return true;
  if (index.footer() != nullptr && index.footer()->footer.digest == footer_.digest) return true;
  return std::any_of(index.sightings.begin(), index.sightings.end(), [&](const Sighting& sighting) {
    return meter.charge(WorkMeter::kStep) && has(sighting);
  });
}

std::size_t RepairedContainer::base() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < numbers_.size(); ++i)
    if (repairer_.records_in(i) > repairer_.records_in(best)) best = i;
  return numbers_[best];
}

Status RepairedContainer::write(const Callbacks& callbacks, WorkMeter& meter) {
  earlier_work_ += repairer_.work();
  Status written;
  auto forward = [&](std::span<const std::uint8_t> data) {
    written = callbacks.write(data.data(), data.size());
    return written.ok() ? 0 : 1;
  };
  Status status = repairer_.run(parameters_, callbacks_to(forward, meter), Repairer::Output::kData,
                                Repairer::Origin::kAny);
  if (!written.ok()) return written;
  const bool is_same = status.ok() && repairer_.report().footer.digest == footer_.digest;
  if (is_same || status.code == PAXECT_ERROR_MEMORY || status.code == PAXECT_ERROR_CANCELLED) return status;
  return failure(PAXECT_ERROR_READ,
                 "the copies have changed while they were read, or can no longer be read: copy them to files "
                 "that nothing changes, and salvage those");
}

}  // namespace paxect::core
