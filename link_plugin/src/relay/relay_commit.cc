// The end of the way, for a whole batch at once:
//
//   journal durable -> renames -> directories durable -> audit lines durable -> sources removed
//
// Where a step fails, what comes after it waits: products that have their names are carried on by the next
// step (settle_delivered), those that will not get theirs are taken back once the journal says so durably
// (settle_aborted).
#include <algorithm>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "relay/relay.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kJournalLimit = std::uint64_t{8} << 20;

}  // namespace

void Relay::commit(std::vector<Transfer>& batch) {
  std::vector<Intent> prepared;
  for (Transfer& transfer : batch) {
    if (!transfer.status.ok()) {
      give_up(transfer);
      continue;
    }
    transfer.intent.digest =
        transfer.product.digest + (transfer.makes_container() ? transfer.result.data_digest : "");
    prepared.push_back(transfer.intent);
  }
  if (!prepared.empty()) {
    Status status = journal_.prepare(prepared);
    for (Transfer& transfer : batch)
      if (transfer.status.ok()) transfer.status = status;
    if (!status.ok()) {
      // It may or may not have reached the disk: only an abort makes it safe to take the products back.
      for (Transfer& transfer : batch)
        if (transfer.product.fd) aborted_.push_back(std::move(transfer));
      settle_aborted();
      return;
    }
  }
  publish_all(batch);
  if (settle_delivered() && settle_aborted() && journal_.grown() > kJournalLimit) checkpoint();
}

void Relay::publish_all(std::vector<Transfer>& batch) {
  for (Transfer& transfer : batch) {
    if (!transfer.status.ok()) continue;
    transfer.status = check_unchanged(transfer);
    if (transfer.status.ok()) transfer.status = publish(&transfer);
    if (transfer.status.ok())
      delivered_.push_back({std::move(transfer)});
    else
      aborted_.push_back(std::move(transfer));
  }
}

// Directories, audit lines, sources. False when something of that has to be tried again.
bool Relay::settle_delivered() {
  if (delivered_.empty()) return true;
  Status status;
  std::set<const Directory*> directories;
  for (const Delivered& item : delivered_) directories.insert(item.transfer.product.directory);
  for (const Directory* directory : directories)
    if (status.ok()) status = directory->sync();
  if (status.ok()) {
    for (Delivered& item : delivered_) {
      if (!item.logged) log_delivery(item.transfer);
      item.logged = true;
    }
    status = reporter_.flush();
  }
  reporter_.report_problem("delivery", status.message);
  if (!status.ok()) return false;
  for (Delivered& item : delivered_) {
    item.transfer.product.fd.reset();
    item.transfer.sidecar.fd.reset();
    retry_->forget(item.transfer.intent.source);
  }
  std::vector<const Transfer*> transfers;
  for (const Delivered& item : delivered_) transfers.push_back(&item.transfer);
  if (policy_.auto_delete)
    removal_->remove(transfers);
  else
    removal_->keep(transfers);
  std::vector<std::uint64_t> ids;
  for (const Delivered& item : delivered_) {
    ids.push_back(item.transfer.intent.id);
    count_delivery(item.transfer);
    hand_on(item.transfer);
  }
  journal_.finish(ids);
  delivered_.clear();
  return true;
}

// What was encoded in place is decoded next.
void Relay::hand_on(const Transfer& transfer) {
  if (!transfer.intent.into_inbox || transfer.published == Published::kDuplicate) return;
  const std::string& folder = transfer.source.folder;
  FileLook look = transfer.target_directory->look(transfer.product.name);
  if (look.kind != FileKind::kRegular) return;
  intake_->add({folder, transfer.product.name, look.identity});
  FileLook sidecar = transfer.target_directory->look(transfer.sidecar.name);
  intake_->arrived(join(folder, transfer.sidecar.name), sidecar.identity);
}

void Relay::log_delivery(const Transfer& transfer) {
  static constexpr const char* kNames[] = {"encode", "decode", "forward"};
  Event event{.name = kNames[static_cast<std::size_t>(transfer.route)],
              .source = transfer.source_path(),
              .target = transfer.product.path(),
              .status = "ok",
              .message = "sha256=" + transfer.product.digest,
              .numbers = {{"bytes", transfer.result.data_size},
                          {"container_bytes", transfer.result.container_size},
                          {"id", transfer.intent.id}}};
  if (transfer.published == Published::kDuplicate) event.name = "duplicate";
  if (transfer.published == Published::kConflict) {
    Event conflict = event;
    conflict.level = Level::kWarn;
    conflict.name = "name_conflict";
    conflict.message = transfer.intent.name + " is taken: delivered as " + transfer.product.name;
    reporter_.log(conflict);
  }
  reporter_.log(event);
}

// Forgets what is over, once the removal of its sources is durable.
void Relay::checkpoint() {
  if (!delivered_.empty() || !aborted_.empty()) return;
  if (!inbox_.is_open() || !removal_->flush().ok()) return;
  Status status = journal_.clear([this](const std::string& path, const FileIdentity& identity) {
    Directory folder;
    std::string parent = directory_name(path);
    if (!inbox_.root().open_below(parent == "." ? "" : parent, false, &folder).ok()) return false;
    return is_same_source(path, identity, folder.look(std::string(base_name(path))).identity);
  });
  reporter_.report_problem("journal", status.message);
}

// Products that will not get their names, taken back: first durably in the journal, then on disk.
bool Relay::settle_aborted() {
  if (aborted_.empty()) return true;
  std::vector<std::uint64_t> ids;
  for (const Transfer& transfer : aborted_) ids.push_back(transfer.intent.id);
  Status status = journal_.abort(ids);
  // A journal that cannot be appended to is written anew, which forgets all that is under way.
  if (!status.ok() && delivered_.empty())
    status = journal_.clear([](const std::string&, const FileIdentity&) { return true; });
  reporter_.report_problem("journal", status.message);
  if (!status.ok()) return false;
  for (Transfer& transfer : aborted_) give_up(transfer);
  aborted_.clear();
  return true;
}

void Relay::give_up(Transfer& transfer) {
  abandon(&transfer);
  failures_->note(transfer.source, transfer.status);
}

}  // namespace paxect::link
