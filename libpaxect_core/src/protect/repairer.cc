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

void Repairer::clear() noexcept {
  abandon();
  copies_.clear();
  extents_.clear();
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
  decoder_.begin(parameters_, of_data);
  status = repair_windows();
  if (status.ok() && report_.lacking != 0) status = lacking_cells();
  if (status.ok()) status = finish();
  return status;
}

Status Repairer::scan() {
  std::vector<Records> records;
  std::vector<std::uint64_t> sizes;
  copies_.reserve(inputs_.size());
  for (const CopyInput& input : inputs_) {
    copies_.push_back({CopyReader(allocator_, input.fd, input.size, meter_), {}, search_budget(input.size)});
    meter_.begin_copy(input.size);
    records.push_back(scan_records(copies_.back().reader));
    meter_.reached(input.size);
    Status status = copies_.back().reader.failure();
    if (!status.ok()) return status;
    sizes.push_back(input.size);
  }
  Status status = map_.build(records, sizes);
  for (std::size_t i = 0; i < records.size(); ++i) copies_[i].records = std::move(records[i]);
  if (!map_.windows().empty()) report_.percent = map_.percent();
  report_.windows = map_.windows().size();
  if (!status.ok()) return status;
  report_.size = map_.footer_offset() + kFooterSize;
  std::vector<std::string> names;
  for (const CopyInput& input : inputs_) names.push_back(input.name);
  return check_same_container(map_, copies_, names);
}

// All windows are examined, so that the report has everything that cannot be repaired. Nothing is written
// behind the first of them.
Status Repairer::repair_windows() {
  report_.spare = kMaxParityCells;
  for (const Window& window : map_.windows()) {
    WindowDamage damage;
    Status proof = repair_window(window.number, damage);
    if (!proof.ok() && proof.code != PAXECT_ERROR_DAMAGED) return proof;
    report_.cells += damage.cells;
    report_.damaged += damage.damaged;
    report_.damaged_data += damage.damaged_data;
    report_.lacking += damage.lacking;
    if (damage.spare < report_.spare || window.number == 0) {
      report_.spare = damage.spare;
      report_.parity = damage.parity;
    }
    if (damage.damaged != 0 || damage.lacking != 0) report_.damages.push_back(damage);
    Status status;
    if (report_.lacking == 0) status = proof.ok() ? write_window(window.number) : proof;
    meter_.used(window.shape.length);
    if (!status.ok()) return status;
  }
  return {};
}

// DAMAGED: it lacks cells or is not proven. Bytes of copies without the window, or garbage in a list, may
// stand in for what another copy has: then that one is tried, and cells that differ from the list.
Status Repairer::repair_window(std::uint32_t number, WindowDamage& damage) {
  Status first = window_.run(map_, map_.plans()[number], copies_, damage);
  if (!first.ok()) return first;
  Status proof = prove_window(number, damage);
  if (proof.ok() || proof.code != PAXECT_ERROR_DAMAGED) return proof;
  for (const bool contradicted : {false, true})
    for (std::size_t copy = contradicted ? 0 : 1; copy < copies_.size(); ++copy) {
      WindowDamage other = damage;
      Status status;
      if (!window_.retry(copies_, {.copy = copy, .contradicted = contradicted}, other, status)) {
        if (!status.ok()) return status;
        continue;
      }
      status = prove_window(number, other);
      if (status.ok()) {
        damage = other;
        if (contradicted) window_.count_again(codes_[number % 2].parity(), damage);
      }
      if (status.ok() || status.code != PAXECT_ERROR_DAMAGED) return status;
    }
  return proof;
}

Status Repairer::prove_window(std::uint32_t number, const WindowDamage& damage) {
  if (damage.lacking != 0) return failure(PAXECT_ERROR_DAMAGED, "cells are lacking");  // see lacking_cells()
  const Window& window = map_.windows()[number];
  WindowCode& code = codes_[number % 2];
  Status status = code.compute(window, window_.bytes());
  if (!status.ok()) return status;
  // The tag is a hash of all data cells of the first window.
  const bool is_right = number != 0 || code.tag() == map_.tag();
  if (!is_right || window_.contradicts(code.parity()))
    return {PAXECT_ERROR_DAMAGED, window.offset, 0,
            "cannot be repaired: cells of window " + std::to_string(number) + ", " +
                between(window.offset, window.end()) + ", contradict its parity"};
  // The tag proves all of the first window.
  if (number != 0 && damage.unproven != 0 && !window_.is_confirmed_by(code.parity()))
    return {PAXECT_ERROR_DAMAGED, window.offset, 0,
            "cannot be repaired: nothing proves " + std::to_string(damage.unproven) + " cells of window " +
                std::to_string(number) + ", " + between(window.offset, window.end()) +
                ": their checksums are lost, and so is the parity that could replace them"};
  return {};
}

Status Repairer::write_window(std::uint32_t number) {
  const Window& window = map_.windows()[number];
  Status status;
  if (number == 0) {
    status = check_copies();
    std::copy_n(window_.bytes(), std::min<std::uint64_t>(kHeaderSize, window.shape.length), header_.begin());
  }
  if (status.ok()) status = emit(window_.bytes(), static_cast<std::size_t>(window.shape.length), {});
  if (!status.ok()) return status;
  return window.last ? Status{} : write_extension_behind(number, nullptr, {});
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
  const WindowCode* own = behind_last ? nullptr : &codes_[number % 2];
  const WindowCode* earlier = number == 0 ? nullptr : &codes_[(number - 1) % 2];
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
  return {};
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
  report_.proven = status.ok();
  return status;
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

Status Repairer::check_copies() {
  const std::span first_window(window_.bytes(),
                               static_cast<std::size_t>(map_.windows().front().shape.length));
  extents_.assign(copies_.size(), {});
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    Status status = check_origin(map_, i, copies_[i], first_window, extents_[i]);
    if (status.code == PAXECT_ERROR_NO_PROTECTION) {
      const std::vector<std::int64_t> shifts = window_.find_shifts(i, copies_[i]);
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
