#include "relay/batch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/host.h"
#include "base/relay_paths.h"
#include "base/side_by_side.h"
#include "relay/delivery_events.h"
#include "relay/recovery.h"

namespace paxect::link {

void Workers::run(std::span<Transfer> transfers, ListSender::Carried* lists) {
  while (codecs_.size() < std::min(kWorkers, transfers.size()))
    codecs_.push_back(std::make_unique<Codec>(stop_, encoding_));
  side_by_side(transfers.size(), [&](std::size_t worker, std::size_t i) {
    if (stop_())
      transfers[i].status = Status::stopped();
    else
      work_on(&transfers[i], codecs_[worker].get(), core_);
  });
  if (lists == nullptr || !lists->status.ok())
    flush_all(transfers);
  else
    flush_all(transfers, lists->unflushed(), &lists->status);
}

Batch::Batch(const Parts& parts, std::vector<Transfer> transfers, Lists lists)
    : parts_(parts), transfers_(std::move(transfers)), states_(transfers_.size()), may_carry_(lists) {}

std::vector<std::size_t> Batch::in_phase(Phase phase) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < states_.size(); ++i)
    if (states_[i].phase == phase) found.push_back(i);
  return found;
}

std::vector<std::uint64_t> Batch::ids_of(std::span<const std::size_t> items) const {
  std::vector<std::uint64_t> ids;
  for (std::size_t i : items) ids.push_back(transfers_[i].intent.id);
  return ids;
}

void Batch::begin() {
  std::vector<Intent> intents;
  for (Transfer& transfer : transfers_) {
    transfer.intent.id = parts_.journal.next_id();
    name_temporaries(&transfer, parts_.journal.relay_token());
    transfer.intent.log_offset = parts_.reporter.audit().size();
    intents.push_back(transfer.intent);
  }
  Status status = parts_.journal.begin(intents);
  is_begun_ = status.ok();
  if (!is_begun_)
    for (Transfer& transfer : transfers_) transfer.status = status;
  if (is_begun_ && may_carry_ == Lists::kCarried) lists_ = parts_.lists.begin(false);
}

void Batch::write(Workers* workers) noexcept {
  if (!is_begun_) return;
  try {
    workers->run(transfers_, lists_.get());
  } catch (...) {
    exception_ = std::current_exception();
  }
}

bool Batch::advance() {
  if (exception_) note_exception();
  prepare();
  publish();
  // Both are tried: what is delivered must not wait for what is taken back.
  bool published = finish_published();
  // What is held up may take long, and who wants to write to a source is not to wait for that.
  for (Transfer& transfer : transfers_) transfer.leased_source.reset();
  return finish_aborting() && published;
}

// ---- products ------------------------------------------------------------------------------------------

// What was written may not be durable.
void Batch::note_exception() {
  std::string what = "unknown exception";
  try {
    std::rethrow_exception(std::exchange(exception_, nullptr));
  } catch (const std::exception& error) {
    what = exception_text(error);
  } catch (...) {
  }
  for (Transfer& transfer : transfers_)
    if (transfer.status.ok())
      transfer.status = Status::environment("cannot work on " + transfer.source_path() + ": " + what);
  if (lists_ && lists_->status.ok()) lists_->status = Status::environment("cannot write lists: " + what);
}

void Batch::prepare() {
  std::vector<std::size_t> written;
  std::vector<Intent> intents;
  for (std::size_t i : in_phase(Phase::kWritten)) {
    Transfer& transfer = transfers_[i];
    if (!transfer.status.ok()) parts_.receiver.note_failed(transfer);
    if (transfer.status.ok()) transfer.status = parts_.receiver.claim(&transfer);
    if (transfer.status.ok()) transfer.status = parts_.lists.claim(&transfer);
    if (!transfer.status.ok()) {
      states_[i].phase = Phase::kUnwanted;
      continue;
    }
    note_products(&transfer);
    intents.push_back(transfer.intent);
    written.push_back(i);
  }
  std::vector<SentList> lists;
  if (lists_) lists = parts_.lists.lists_of(*lists_);
  if (written.empty() && lists.empty()) return;
  Status status = parts_.journal.prepare(intents, lists);
  decided_ = status;
  for (std::size_t i : written) {
    transfers_[i].status = status;
    // A record that failed may have reached the disk: only an abort makes it safe to remove the products.
    states_[i].phase = status.ok() ? Phase::kPrepared : Phase::kAborting;
  }
}

void Batch::publish() {
  for (std::size_t i : in_phase(Phase::kPrepared)) {
    Transfer& transfer = transfers_[i];
    transfer.status = check_unchanged(transfer);
    // As late as possible: a crash between the record and the rename is where nobody could tell the removal
    // of a temporary from a delivery.
    auto note_name = [&] {
      const std::uint64_t& id = transfer.intent.id;
      return transfer.product.name == transfer.intent.name
                 ? parts_.journal.name(std::span(&id, 1))
                 : parts_.journal.name_under(id, transfer.product.name);
    };
    const AboutTo about_to{.name = note_name,
                           .link = [&] { return parts_.journal.link(std::span(&transfer.intent.id, 1)); },
                           .drop = [&] { return parts_.journal.note_duplicate(transfer.intent.id); }};
    if (transfer.status.ok()) transfer.status = link::publish(&transfer, parts_.stop, about_to);
    states_[i].phase = transfer.status.ok() ? Phase::kPublished : Phase::kAborting;
  }
  if (lists_) parts_.lists.publish(lists_.get(), decided_);
  lists_.reset();
}

// ---- delivered -----------------------------------------------------------------------------------------

bool Batch::finish_published() {
  std::vector<std::size_t> items = in_phase(Phase::kPublished);
  if (items.empty()) return true;
  Status status;
  std::set<const Directory*> directories;
  for (std::size_t i : items)
    if (transfers_[i].product.directory != nullptr) directories.insert(transfers_[i].product.directory);
  for (const Directory* directory : directories)
    if (status.ok()) status = directory->sync();
  if (status.ok()) {
    for (std::size_t i : items) {
      if (!std::exchange(states_[i].is_logged, true)) log_delivery(i);
    }
    status = parts_.reporter.flush();
  }
  parts_.reporter.report_problem("delivery", status.message);
  if (!status.ok()) return false;
  for (std::size_t i : items) {
    transfers_[i].product.fd.reset();
    transfers_[i].sidecar.fd.reset();
    parts_.ledger.note_done(transfers_[i].intent.source, transfers_[i].source.identity);
  }
  remove_sources(items);
  for (std::size_t i : items) {
    parts_.delivered(transfers_[i]);
    states_[i].phase = Phase::kOver;
  }
  std::vector<SentEntry> sent;
  if (parts_.lists.is_on())
    for (std::size_t i : items) {
      SentEntry entry = parts_.lists.entry_of(transfers_[i].intent, transfers_[i].product.name);
      const bool was_there = transfers_[i].published == Published::kDuplicate;
      if (parts_.lists.lacks(&entry, was_there, sent)) sent.push_back(entry);
    }
  parts_.journal.finish(ids_of(items), sent);
  parts_.lists.note_sent();
  return true;
}

void Batch::log_delivery(std::size_t i) {
  const Transfer& transfer = transfers_[i];
  const DeliveryOutcome outcome{
      .source = transfer.source_path(), .target = transfer.product.path(), .published = transfer.published};
  for (const Event& event :
       delivery_events(transfer.intent, outcome, parts_.journal.relay_token(), parts_.receiver))
    parts_.reporter.log(event);
}

void Batch::remove_sources(std::span<const std::size_t> items) {
  std::vector<const Transfer*> removed;
  std::vector<const Transfer*> kept;
  for (std::size_t i : items) {
    const Intent& intent = transfers_[i].intent;
    const SentEntry entry = {.digest = transfers_[i].product.digest,
                             .name = {},
                             .place = intent.source_place,
                             .source = intent.source};
    const SentStream& sent = parts_.journal.sent();
    // An earlier run may have kept it, for receipts that have not come yet. Other contents under its path are
    // another file; without a product they were found to be the same.
    const bool is_kept = entry.digest.empty() ? sent.keeps(entry.place, entry.source) : sent.knows(entry);
    const bool stays = !parts_.policy.auto_delete || parts_.kept.is_on() || is_kept;
    (stays ? kept : removed).push_back(&transfers_[i]);
  }
  parts_.removal.remove(removed);
  parts_.removal.keep(kept);
}

// ---- taken back ----------------------------------------------------------------------------------------

bool Batch::finish_aborting() {
  std::vector<std::size_t> items = in_phase(Phase::kAborting);
  Status status;
  if (!items.empty()) {
    status = parts_.journal.abort(ids_of(items));
    parts_.reporter.report_problem("journal", status.message);
    if (!status.ok()) return false;
  }
  for (std::size_t i : items) states_[i].phase = Phase::kUnwanted;
  std::vector<Failures::Failed> failed;
  const std::vector<std::size_t> unwanted = in_phase(Phase::kUnwanted);
  for (std::size_t i : unwanted)
    if (Status dropped = drop(i, &failed); !dropped.ok()) status = dropped;
  parts_.failures.note(failed);
  for (std::size_t i : unwanted)
    if (states_[i].phase == Phase::kOver) parts_.receiver.note_waiting(transfers_[i]);
  parts_.reporter.report_problem("abort", status.message);
  return status.ok();
}

Status Batch::drop(std::size_t i, std::vector<Failures::Failed>* failed) {
  Transfer& transfer = transfers_[i];
  // The sidecar may have got its name before the container failed to; alone, it would be delivered as a file
  // or blocked.
  if (Status status = remove_own_sidecar(transfer.intent, *transfer.target_directory); !status.ok())
    return status;
  if (!abandon(&transfer)) parts_.left_behind(transfer.intent);
  parts_.journal.drop(transfer.intent.id);
  states_[i].phase = Phase::kOver;
  if (transfer.status.fault == Fault::kDelivered) {
    parts_.ledger.note_done(transfer.intent.source, transfer.source.identity);
    const std::size_t items[] = {i};
    remove_sources(items);
    // Not before: a kill in between has the source examined again, and the entry is still there for it.
    if (transfer.sent_before) parts_.journal.note_found(*transfer.sent_before);
    return Status::success();
  }
  failed->push_back({&transfer.source, &transfer.status});
  return Status::success();
}

}  // namespace paxect::link
