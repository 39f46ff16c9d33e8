#include "relay/lanes.h"

#include <algorithm>
#include <utility>

namespace paxect::link {

Lanes::Lanes(const Batch::Parts& parts, const ExternalCore& core, const Encoding& encoding)
    : parts_(parts), small_(Lane::Use::kWithinStep, core, encoding, parts.stop) {
  for (std::unique_ptr<Lane>& lane : large_)
    lane = std::make_unique<Lane>(Lane::Use::kAcrossSteps, core, encoding, parts.stop);
}

std::uint64_t Lanes::room() const {
  std::uint64_t room = 0;
  for (std::size_t i = 0; i < large_.size(); ++i)
    if (large_[i]->is_idle()) room = std::max(room, limit_of(i));
  return room;
}

void Lanes::start_large(Transfer transfer) {
  std::size_t i = 0;
  while (!large_[i]->is_idle() || transfer.source.identity.size > limit_of(i)) ++i;
  std::vector<Transfer> transfers;
  transfers.push_back(std::move(transfer));
  large_[i]->start(begin(std::move(transfers), Batch::Lists::kNone));
}

void Lanes::run_small(std::vector<Transfer> transfers, bool has_more) {
  std::unique_ptr<Batch> batch = begin(std::move(transfers), Batch::Lists::kCarried);
  if (written_) {
    small_.start(std::move(batch));
    try {
      commit_small();
    } catch (...) {
      // Its thread must not go on while others clean up.
      unfinished_.push_back(small_.take());
      throw;
    }
    batch = small_.take();
  } else {
    small_.run(batch.get());
  }
  written_ = std::move(batch);
  if (!has_more) commit_small();
}

void Lanes::commit_small() {
  if (written_) commit(std::move(written_));
}

bool Lanes::advance() {
  for (std::unique_ptr<Lane>& lane : large_)
    if (lane->is_done()) unfinished_.push_back(lane->take());
  for (std::unique_ptr<Batch>& batch : unfinished_)
    if (batch && try_to_end(batch.get())) batch.reset();
  std::erase(unfinished_, nullptr);
  return unfinished_.empty();
}

void Lanes::finish() {
  for (std::unique_ptr<Lane>& lane : large_) lane->cancel();
  for (std::unique_ptr<Lane>& lane : large_)
    if (!lane->is_idle()) unfinished_.push_back(lane->take());
  commit_small();
  advance();
}

void Lanes::give_up() {
  for (std::unique_ptr<Lane>& lane : large_) lane->cancel();
  for (std::unique_ptr<Lane>& lane : large_)
    if (!lane->is_idle()) unfinished_.push_back(lane->take());
  if (written_) unfinished_.push_back(std::move(written_));
  for (const std::unique_ptr<Batch>& batch : unfinished_)
    if (batch) release(*batch);
  unfinished_.clear();
}

bool Lanes::is_working() const {
  return std::any_of(large_.begin(), large_.end(),
                     [](const std::unique_ptr<Lane>& lane) { return !lane->is_idle(); });
}

bool Lanes::is_done() const {
  return std::any_of(large_.begin(), large_.end(),
                     [](const std::unique_ptr<Lane>& lane) { return lane->is_done(); });
}

std::vector<Lanes::InHand> Lanes::in_hand() const {
  std::vector<InHand> files;
  for (const std::unique_ptr<Lane>& lane : large_) {
    if (lane->is_idle()) continue;
    for (const Transfer& transfer : lane->batch().transfers()) {
      const FileIdentity& identity = transfer.source.identity;
      const std::uint64_t read = transfer.bytes_read ? transfer.bytes_read->load() / transfer.passes() : 0;
      files.push_back(
          {transfer.source.path(), identity, std::min(read, identity.size), transfer.taken_utc_ns});
    }
  }
  return files;
}

std::vector<int> Lanes::fds() const {
  std::vector<int> fds;
  for (const std::unique_ptr<Lane>& lane : large_)
    if (!lane->is_idle() && lane->fd() >= 0) fds.push_back(lane->fd());
  return fds;
}

std::unique_ptr<Batch> Lanes::begin(std::vector<Transfer> transfers, Batch::Lists lists) {
  for (const Transfer& transfer : transfers) parts_.ledger.mark_working(transfer.intent.source);
  auto batch = std::make_unique<Batch>(parts_, std::move(transfers), lists);
  batch->begin();
  return batch;
}

void Lanes::commit(std::unique_ptr<Batch> batch) {
  if (!try_to_end(batch.get())) unfinished_.push_back(std::move(batch));
}

bool Lanes::try_to_end(Batch* batch) {
  if (!batch->advance()) return false;
  release(*batch);
  ended_.any = true;
  return true;
}

void Lanes::release(const Batch& batch) {
  for (const Transfer& transfer : batch.transfers())
    if (parts_.ledger.unmark_working(transfer.intent.source)) ended_.has_news = true;
}

}  // namespace paxect::link
