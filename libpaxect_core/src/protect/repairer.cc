#include "protect/repairer.h"

#include <algorithm>

#include "digest.h"
#include "protect/extension_writer.h"
#include "protect/origin.h"

namespace paxect::core {
namespace {

std::int32_t discard(void* /*opaque*/, const void* /*data*/, std::size_t /*size*/) { return 0; }

std::string between(std::uint64_t begin, std::uint64_t end) {
  return "between bytes " + std::to_string(begin) + " and " + std::to_string(end);
}

}  // namespace

void Repairer::abandon() noexcept {
  windows_.abandon();
  decoder_.abandon();
}

void Repairer::clear() noexcept {
  abandon();
  copies_.clear();
  found_.clear();
  extents_.clear();
  header_ = {};
  unproven_ = {};
  emitted_ = {};
  report_ = {};
}

void Repairer::reset() noexcept {
  clear();
  inputs_.clear();
}

Status Repairer::add(int fd, const std::string& name) {
  CopyInput input;
  Status status = open_copy(fd, name, inputs_.size(), input);
  if (status.ok()) inputs_.push_back(input);
  return status;
}

Status Repairer::run(const Parameters& parameters, const Callbacks& callbacks, Output output, Origin origin) {
  clear();
  parameters_ = parameters;
  origin_ = origin;
  callbacks_ = callbacks;
  meter_.begin(callbacks);
  if (inputs_.empty()) return failure(PAXECT_ERROR_SEQUENCE, "no copies to repair from: add some first");
  Status status = scan();
  if (!status.ok()) return status;
  Callbacks of_data;
  of_data.sink = discard;
  if (output == Output::kData && callbacks_.sink != nullptr) {
    of_data.sink = callbacks_.sink;
    of_data.sink_opaque = callbacks_.sink_opaque;
    callbacks_.sink = nullptr;
  }
  if (threads_ == nullptr || threads_->size() != parameters_.threads())
    threads_ = std::make_shared<WorkerThreads>(parameters_.threads());
  decoder_.share(threads_);
  decoder_.begin(parameters_, of_data);
  status = repair_windows();
  if (status.ok()) status = finish();
  return status;
}

Status Repairer::scan() {
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
    meter_.begin_copy(input.size);
    records.push_back(scan_records(copies_.back().reader));
    meter_.reached(input.size);
    Status status = copies_.back().reader.failure();
    if (!status.ok()) return status;
    sizes.push_back(input.size);
  }
  std::vector<const CopyReader*> readers;
  readers.reserve(copies_.size());
  for (const RepairCopy& copy : copies_) readers.push_back(&copy.reader);
  if (const std::optional<std::size_t> failing = find_undelivered(readers))
    return system_failure(PAXECT_ERROR_READ, inputs_[*failing].name, "cannot read",
                          readers[*failing]->error());
  Status status = map_.build(records, sizes, meter_);
  for (std::size_t i = 0; i < records.size(); ++i) found_[i].records = std::move(records[i]);
  if (!map_.windows().empty()) report_.percent = map_.percent();
  report_.windows = map_.windows().size();
  if (!status.ok() && status.code != PAXECT_ERROR_DAMAGED) return status;
  std::vector<std::string> names;
  names.reserve(inputs_.size());
  for (const CopyInput& input : inputs_) names.push_back(input.name);
  // Records of different containers contradict each other, or seem to be incomplete.
  Status same = check_same_container(map_, copies_, names, meter_);
  if (!meter_.status().ok()) return meter_.status();
  if (!same.ok()) report_.reason = PAXECT_REPAIR_DIFFERENT_COPIES;
  if (!status.ok()) return same.ok() ? status : same;
  report_.size = map_.footer_offset() + kFooterSize;
  return same;
}

// All windows are examined, so that the report has everything that cannot be repaired. Nothing is written
// behind the first of them. OK when every window has its cells and is proven.
Status Repairer::repair_windows() {
  const AbandonAtEnd<WindowQueue> scope(windows_);
  windows_.begin(map_, inputs_, found_, meter_, threads_);
  report_.spare = kMaxParityCells;
  Status status;
  for (std::size_t i = 0; status.ok() && i < map_.windows().size(); ++i) {
    RepairedWindow* window = windows_.next();
    if (window == nullptr) return meter_.status();
    status = take_window(*window);
    windows_.release();
  }
  if (!status.ok()) return status;
  return report_.lacking != 0 ? lacking_cells() : unproven_;
}

Status Repairer::take_window(RepairedWindow& window) {
  Status proof = window.finish();
  meter_.charge(window.work());
  if (!proof.ok() && proof.code != PAXECT_ERROR_DAMAGED) return proof;
  const WindowDamage& damage = window.damage();
  report_.cells += damage.cells;
  report_.damaged += damage.damaged;
  report_.damaged_data += damage.damaged_data;
  report_.lacking += damage.lacking;
  if (damage.spare < report_.spare || damage.number == 0) {
    report_.spare = damage.spare;
    report_.parity = damage.parity;
  }
  if (damage.damaged != 0 || damage.lacking != 0) report_.damages.push_back(damage);
  if (!proof.ok() && damage.lacking == 0 && unproven_.ok()) unproven_ = proof;
  Status status;
  if (report_.lacking == 0 && unproven_.ok()) status = write_window(window);
  meter_.used(damage.length);
  return status.ok() ? meter_.status() : status;
}

Status Repairer::write_window(RepairedWindow& window) {
  const std::uint64_t length = window.damage().length;
  const std::uint32_t number = window.damage().number;
  Status status;
  if (number == 0) {
    status = check_copies(window);
    std::copy_n(window.bytes(), std::min<std::uint64_t>(kHeaderSize, length), header_.begin());
  }
  if (status.ok()) status = emit(window.bytes(), static_cast<std::size_t>(length), {});
  if (!status.ok()) return status;
  return window.window().last ? Status{} : write_extension_behind(number, nullptr, {});
}

Status Repairer::write_extension_behind(std::uint32_t number, const Trailer* trailer, Receivers to) {
  Callbacks emitter;
  auto emit_part = [&](const void* data, std::size_t size) {
    emitted_ = emit(data, size, to);
    return emitted_.ok() ? 0 : 1;
  };
  emitter.sink = [](void* self, const void* data, std::size_t size) -> std::int32_t {
    return (*static_cast<decltype(emit_part)*>(self))(data, size);
  };
  emitter.sink_opaque = &emit_part;
  bool behind_last = number == map_.windows().size();
  const WindowCode* own = behind_last ? nullptr : &windows_.code(number);
  const WindowCode* earlier = number == 0 ? nullptr : &windows_.code(number - 1);
  std::uint64_t size = 0;
  Status status =
      write_extension(emitter, map_.tag(), map_.extension(number).offset, own, earlier, trailer, size);
  return emitted_.ok() ? status : emitted_;
}

// The digest of a footer is what proves the data: one has to be left somewhere, in a trailer, at its place or
// at the end of a copy. The decoder says which one is right, and the rest of the footer.
Status Repairer::find_footer(Footer& footer) {
  Footer expected;
  constexpr std::uint32_t kToCome = 2;  // extension frames; the decoder holds back the end of the first one
  if (Status status = decoded(decoder_.expected_footer(kToCome, expected)); !status.ok()) return status;
  std::optional<Footer> first;
  if (map_.trailer()) first = read_footer(map_.trailer()->footer);
  auto is_right = [&](const Footer& found) {
    if (!first) first = found;
    return found.digest == expected.digest;
  };
  footer = expected;
  if (first && is_right(*first)) return {};
  for (const RepairCopy& copy : copies_)
    for (const FoundTrailer& found : copy.records().trailers)
      if (found.trailer.tag == map_.tag() && is_right(read_footer(found.trailer.footer))) return {};
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    CopyReader& reader = copies_[i].reader;
    std::vector<std::int64_t> shifts = map_.shifts(i, map_.footer_offset(), map_.footer_offset());
    shifts.push_back(static_cast<std::int64_t>(reader.size() - map_.footer_offset() - kFooterSize));
    for (const std::int64_t shift : shifts) {
      std::array<std::uint8_t, kFooterSize> bytes{};
      const std::uint64_t at = map_.footer_offset() + static_cast<std::uint64_t>(shift);
      if (at > reader.size() || reader.size() - at < kFooterSize) continue;
      if (reader.read(at, bytes.data(), bytes.size()) && is_right(read_footer(bytes))) return {};
    }
  }
  footer = first.value_or(Footer{});
  return failure(
      PAXECT_ERROR_DAMAGED,
      "cannot be repaired: all cells are whole or restored, but no SHA-256 that is left proves the "
      "data: salvage writes it without that proof");
}

Status Repairer::finish() {
  auto last = static_cast<std::uint32_t>(map_.windows().size() - 1);
  const WindowShape& shape = map_.windows().back().shape;
  Trailer trailer;
  trailer.percent = shape.percent;
  trailer.cell_bits = shape.cell_bits;
  trailer.windows = last + 1;
  trailer.container_size = report_.size;
  trailer.header = header_;
  // The decoder needs something behind the last frame to finish it, and passes over what a trailer says.
  Status status = write_extension_behind(last, &trailer, {.sink = false});
  if (status.ok()) status = find_footer(report_.footer);
  write_footer(report_.footer, trailer.footer);
  if (status.ok()) status = write_extension_behind(last, &trailer, {.decoder = false});
  if (status.ok()) status = write_extension_behind(last + 1, &trailer, {});
  if (status.ok()) status = emit(trailer.footer.data(), trailer.footer.size(), {});
  if (status.ok()) status = decoded(decoder_.finish());
  repaired_header_ = decoder_.header();
  if (status.ok()) status = check_other_containers();
  report_.proven = status.ok();
  return status;
}

// A copy may hold another container that is whole: with other data, which was written over the beginning of
// this one and left the rest of it as it was, or encoded without protection. What the parity restores is then
// older data, or that of another copy. The other data is proven as well, by its own footer: it is not
// damaged, and a decoder would have given it.
Status Repairer::check_other_containers() {
  std::size_t with_records = 0;
  while (with_records + 1 < copies_.size() && !map_.first_shift(with_records)) ++with_records;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    const std::optional<std::int64_t> shift = map_.first_shift(i);
    // Whose data copies without a record have is for a salvage to decide.
    if (!shift && origin_ != Origin::kShown) continue;
    std::vector<std::uint64_t> begins{0};
    if (shift && *shift > 0) begins.push_back(static_cast<std::uint64_t>(*shift));
    for (const std::uint64_t begin : begins) {
      std::optional<std::uint64_t> end;
      if (Status status = find_other(copies_[i].reader, begin, end); !status.ok()) return status;
      if (!end) continue;
      report_.reason = shift ? PAXECT_REPAIR_DATA_PROVEN : PAXECT_REPAIR_DIFFERENT_COPIES;
      return failure(PAXECT_ERROR_DAMAGED, shift ? proven_data(i, begin, *end)
                                                 : "cannot be repaired: " + inputs_[with_records].name +
                                                       " and " + inputs_[i].name +
                                                       " are copies of different containers, and " +
                                                       inputs_[i].name + " is whole: repair without it");
    }
  }
  return {};
}

std::string Repairer::proven_data(std::size_t copy, std::uint64_t begin, std::uint64_t end) const {
  const bool is_all = begin == 0 && end == inputs_[copy].size;
  const std::string bytes = "bytes " + std::to_string(begin) + " to " + std::to_string(end) + " of ";
  return "cannot be repaired: the SHA-256 of its own footer proves the data of " + (is_all ? "" : bytes) +
         inputs_[copy].name + ", and its protection is that of other data: " +
         (is_all ? "decode it and encode it again" : "copy these bytes to a file of their own");
}

// `end`: where the footer of a whole container with other data ends that begins at `begin`, if there is one.
// Its frame headers lead to the footer.
Status Repairer::find_other(CopyReader& reader, std::uint64_t begin, std::optional<std::uint64_t>& end) {
  end.reset();
  Header header;
  if (!read_header(reader.look(begin, kHeaderSize), header).ok()) return reader.failure();
  Footer footer;
  std::uint64_t at = begin + kHeaderSize;
  while (reader.pass()) {
    if (at > reader.size() || reader.size() - at < kFooterSize) return {};
    const std::span<const std::uint8_t> bytes = reader.look(at, kFooterSize);
    if (bytes.size() < kFooterSize) break;
    if (reads_like_footer(bytes, footer.total_size, footer.total_frames)) {
      footer = read_footer(bytes.first<kFooterSize>());
      if (footer.digest == report_.footer.digest) return {};
      bool whole = false;
      Status status = is_whole(reader, begin, at + kFooterSize, whole);
      if (whole) end = at + kFooterSize;
      return status;
    }
    const FrameHeader frame = read_frame_header(bytes.first<kFrameHeaderSize>());
    if (frame.clen == 0 || frame.clen > reader.size() || footer.total_frames == UINT32_MAX) return {};
    footer.total_size += frame.ulen;
    ++footer.total_frames;
    if (footer.total_size > max_other_data(reader.size() - begin)) return {};
    at += kFrameHeaderSize + frame.clen;
  }
  return reader.failure();
}

// How much data another container of `size` bytes may have. To decode more would take time out of proportion
// to the copies.
std::uint64_t Repairer::max_other_data(std::uint64_t size) const {
  return 2 * (report_.footer.total_size + size) + (std::uint64_t{1} << 20);
}

// Whether the bytes of a copy are a container that decodes as it stands. Only a lack of memory and a caller
// who cancels are failures.
Status Repairer::is_whole(CopyReader& reader, std::uint64_t begin, std::uint64_t end, bool& whole) {
  const std::uint64_t max_data = max_other_data(end - begin);
  Callbacks to_nowhere;
  to_nowhere.sink = discard;
  decoder_.begin(parameters_, to_nowhere);
  auto outcome = [](const Status& status) {
    const bool is_failure = status.code == PAXECT_ERROR_MEMORY || status.code == PAXECT_ERROR_CRYPTO ||
                            status.code == PAXECT_ERROR_CANCELLED || status_exit_code(status.code) == 70;
    return is_failure ? status : Status{};
  };
  std::vector<std::uint8_t> block(std::size_t{1} << 16);
  std::uint64_t decoded_size = 0;
  for (std::uint64_t at = begin; at < end; at += block.size()) {
    block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), end - at)));
    if (!reader.read(at, block.data(), block.size())) return reader.failure();
    if (Status status = decoder_.write(block); !status.ok()) return outcome(status);
    const std::uint64_t grown = decoder_.bytes_out() - decoded_size;
    decoded_size += grown;
    if (!reader.charge(grown)) return meter_.status();
    if (decoded_size > max_data) return {};
  }
  const Status status = decoder_.finish();
  whole = status.ok();
  return outcome(status);
}

// A failure of the decoder means that the repaired container is not the original, unless it lacks something
// itself.
Status Repairer::decoded(Status status) const {
  bool of_decoder = status.code == PAXECT_ERROR_LIMIT || status_exit_code(status.code) == 3 ||
                    status_exit_code(status.code) == 70;
  if (status.ok() || of_decoder) return status;
  status.message = "cannot be repaired: what the parity restores does not decode: " + status.message;
  status.code = PAXECT_ERROR_DAMAGED;
  return status;
}

// In parts of about a frame, each of which reports progress.
Status Repairer::emit(const void* data, std::size_t size, Receivers to) {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  std::span left(static_cast<const std::uint8_t*>(data), size);
  Status status;
  while (!left.empty() && status.ok()) {
    auto part = left.first(std::min(kPart, left.size()));
    left = left.subspan(part.size());
    if (to.sink && callbacks_.sink != nullptr) {
      status = callbacks_.write(part.data(), part.size());
      meter_.written(part.size());
    }
    if (status.ok() && !meter_.ask()) status = meter_.status();
    if (status.ok() && to.decoder) status = decoded(decoder_.write(part));
  }
  return status;
}

Status Repairer::check_copies(RepairedWindow& first) {
  const std::span first_window(first.bytes(), static_cast<std::size_t>(first.damage().length));
  extents_.assign(copies_.size(), {});
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    Status status = check_origin(map_, i, copies_[i], first_window, extents_[i]);
    if (status.code == PAXECT_ERROR_NO_PROTECTION) {
      std::vector<std::int64_t> shifts;
      if (Status found = first.find_shifts(i, shifts); !found.ok()) return found;
      if (!shifts.empty())
        status = check_origin(map_, i, copies_[i], first_window, extents_[i], shifts.front());
    }
    if (!status.ok()) {
      if (inputs_.size() > 1) status.message = inputs_[i].name + ": " + status.message;
      return status;
    }
  }
  auto has_an_end = [](const CopyExtent& extent) { return extent.has_an_end; };
  if (origin_ == Origin::kAny || std::any_of(extents_.begin(), extents_.end(), has_an_end)) return {};
  return failure(
      PAXECT_ERROR_NO_PROTECTION,
      "cannot be repaired: both ends of the protected container are lost, so that it may be data of "
      "another one: to have what is in it, use salvage");
}

Status Repairer::lacking_cells() const {
  auto bad = [](const WindowDamage& damage) { return damage.lacking != 0; };
  auto first = std::find_if(report_.damages.begin(), report_.damages.end(), bad);
  auto count = std::count_if(report_.damages.begin(), report_.damages.end(), bad);
  Status status = failure(PAXECT_ERROR_DAMAGED, "cannot be repaired: ");
  if (first == report_.damages.end()) return status;
  status.offset = first->begin;
  if (count > 1)
    status.message += std::to_string(count) + " of " + std::to_string(report_.windows) +
                      " windows have lost too much; the first one, ";
  status.message += "window " + std::to_string(first->number) + " lacks " + std::to_string(first->lacking) +
                    (first->lacking == 1 ? " cell" : " cells") + " of " +
                    std::to_string(map_.windows()[first->number].shape.cell()) + " bytes, damaged " +
                    between(first->begin, first->end);
  if (first->damaged == first->cells)
    status.message += "; no cell of it matches the lists of checksums, which may be what is damaged";
  return status;
}

}  // namespace paxect::core
