#include "protect/repaired_window.h"

#include <algorithm>
#include <string>

namespace paxect::core {

void RepairedWindow::begin(const RepairSources& sources, std::uint32_t number, WindowCode& code) {
  map_ = &sources.map;
  number_ = number;
  code_ = &code;
  meter_.begin_part(sources.meter, sources.stop);
  copies_.clear();
  copies_.reserve(sources.inputs.size());
  for (std::size_t i = 0; i < sources.inputs.size(); ++i)
    copies_.push_back(
        {CopyReader(allocator_, sources.inputs[i].fd, sources.inputs[i].size, meter_), &sources.found[i]});
  damage_ = {};
  is_enough_ = false;
  gathered_ = {};
  proof_ = {};
}

void RepairedWindow::run() noexcept {
  try {
    gathered_ = repair_.gather(*map_, map_->plans()[number_], copies_, is_enough_);
    if (gathered_.ok() && is_enough_) restore();
  } catch (...) {
    gathered_ = caught();
  }
}

void RepairedWindow::restore() {
  gathered_ = repair_.restore(damage_);
  if (gathered_.ok()) proof_ = prove(damage_);
}

Status RepairedWindow::finish() {
  if (gathered_.ok() && !is_enough_) {
    gathered_ = repair_.search(copies_);
    if (gathered_.ok()) restore();
  }
  if (!gathered_.ok()) return gathered_;
  return proof_.code == PAXECT_ERROR_DAMAGED ? retry() : proof_;
}

// A list that is wrong may have confirmed cells that are wrong: then those are not taken. Bytes of copies
// without the window, or garbage in a list, may stand in for what another copy has: then that one is tried,
// and cells that differ from the list.
Status RepairedWindow::retry() {
  using Agreement = WindowRepair::Agreement;
  bool is_changed = false;
  for (const Agreement agreement : {Agreement::kMore, Agreement::kAll}) {
    if (damage_.lacking != 0 || !repair_.has_less_than(agreement)) continue;
    is_changed = true;
    WindowDamage other;
    Status status = repair_.restore_again(copies_, agreement, other);
    if (status.ok()) status = prove(other);
    if (status.ok()) damage_ = other;
    if (status.code != PAXECT_ERROR_DAMAGED) return status;
  }
  // What follows begins with all cells that most copies of the list confirm.
  if (is_changed)
    if (Status status = repair_.run(*map_, map_->plans()[number_], copies_, damage_); !status.ok())
      return status;
  for (const bool contradicted : {false, true})
    for (std::size_t copy = contradicted ? 0 : 1; copy < copies_.size(); ++copy) {
      WindowDamage other = damage_;
      Status status;
      if (!repair_.retry(copies_, {.copy = copy, .contradicted = contradicted}, other, status)) {
        if (!status.ok()) return status;
        continue;
      }
      status = prove(other);
      if (status.ok()) {
        damage_ = other;
        if (contradicted) repair_.count_again(code_->parity(), damage_);
      }
      if (status.ok() || status.code != PAXECT_ERROR_DAMAGED) return status;
    }
  return proof_;
}

// In parts, each of which may be the last one when the work is to stop.
Status RepairedWindow::compute_code() {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  Status status = code_->begin(window().shape);
  std::span left(repair_.bytes(), static_cast<std::size_t>(window().shape.length));
  while (status.ok() && !left.empty()) {
    const auto part = left.first(std::min(kPart, left.size()));
    code_->add(part);
    left = left.subspan(part.size());
    if (!meter_.charge(part.size())) status = meter_.status();
  }
  if (status.ok()) code_->finish(window());
  return status;
}

Status RepairedWindow::prove(const WindowDamage& damage) {
  if (damage.lacking != 0)
    return failure(PAXECT_ERROR_DAMAGED, "cells are lacking");  // the report says which
  if (Status status = compute_code(); !status.ok()) return status;
  auto where = [&] {
    return "window " + std::to_string(number_) + ", between bytes " + std::to_string(window().offset) +
           " and " + std::to_string(window().end());
  };
  // The tag is a hash of all data cells of the first window.
  const bool is_right = number_ != 0 || code_->tag() == map_->tag();
  if (!is_right || repair_.contradicts(code_->parity()))
    return {PAXECT_ERROR_DAMAGED, window().offset, 0,
            "cannot be repaired: cells of " + where() + ", contradict its parity"};
  // The tag proves all of the first window.
  if (number_ != 0 && damage.unproven != 0 && !repair_.is_confirmed_by(code_->parity()))
    return {PAXECT_ERROR_DAMAGED, window().offset, 0,
            "cannot be repaired: nothing proves " + std::to_string(damage.unproven) + " cells of " + where() +
                ": their checksums are lost, and so is the parity that could replace them"};
  return {};
}

}  // namespace paxect::core
