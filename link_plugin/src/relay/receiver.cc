// Which keys verify lists, and which containers pass by what was verified.
#include "relay/receiver.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "records/stream_state.h"
#include "settings/pinned_keys.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kUsualWithin = 600;
constexpr std::size_t kMaxEarly = 65'536;

}  // namespace

// ---- keys ----------------------------------------------------------------------------------------------

ProofMode Receiver::mode() const {
  if (parts_.config.mode != Mode::kReceive) return ProofMode::kOff;
  if (parts_.config.proof) return *parts_.config.proof;
  // Also where every key was revoked, or the folder of the keys is away: neither must let everything pass.
  return has_pinned_ || lacks_keys() ? ProofMode::kRequire : ProofMode::kOff;
}

bool Receiver::lacks_keys() const {
  return !has_pinned_ &&
         (is_unreadable_ || parts_.journal.had_keys() || !parts_.journal.received().streams().empty());
}

Status Receiver::read_keys() {
  if (parts_.config.mode != Mode::kReceive) return Status::success();
  std::vector<PinnedKey> pinned;
  Status status = read_pinned_keys(KeyFolder(parts_.config.peers), &pinned);
  is_unreadable_ = !status.ok();
  if (is_unreadable_) return status;
  if (const std::string problem = problem_of(pinned); !problem.empty()) status = Status::environment(problem);
  std::vector<NodeKey> keys = node_keys_of(pinned);
  const ProofMode before = mode();
  has_pinned_ = !pinned.empty();
  if (mode() != before) {
    unlisted_.forget_all();
    parts_.ledger.end_blocks();
  }
  if (is_on() && lacks_keys())
    status =
        Status::environment("no key is pinned in " + parts_.config.peers +
                            ", and there was one: nothing is verified until it is back (to go on without "
                            "lists, set proof = off)");
  pinned_ = std::move(keys);
  const Status used = use_keys();
  return used.ok() ? status : used;
}

// With the streams that are known now.
Status Receiver::use_keys() {
  std::vector<NodeKey> keys = with_continued(parts_.journal.received(), pinned_);
  if (keys != keys_) {
    keys_ = std::move(keys);
    reopen(&Seen::by_keys);
    listed_ = {};          // the names of which nodes are kept
    is_complete_ = false;  // until a scan has used them
  }
  return note_retired();
}

// Which lists count is part of the journal: no container is delivered by one that does not, and receipts say
// so.
Status Receiver::note_retired() {
  const auto& streams = parts_.journal.received().streams();
  bool is_changed = false;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const std::uint64_t last = counts_through(streams[i], keys_);
    if (streams[i].address.node.empty() || streams[i].counts_through == last) continue;
    if (Status status = parts_.journal.note_received(ReceivedStreams::until_record(i, last), true);
        !status.ok())
      return status;
    is_changed = true;
  }
  if (is_changed) end_waits();
  return Status::success();
}

// ---- containers ----------------------------------------------------------------------------------------

// Whether a container that waits with this event may be judged otherwise now.
bool Receiver::may_pass(const std::string& path, const std::string& digest, const std::string& event) const {
  const ReceivedStreams& received = parts_.journal.received();
  const bool is_foreign = event == "unlisted" && received.find_foreign(digest).has_value();
  return is_foreign || received.find_open(digest, path).has_value();
}

bool Receiver::end_waits() {
  return unlisted_.end_waits(
      [&](const std::string& path, const UnlistedFiles::File& file) {
        return may_pass(path, file.digest, file.why.event);
      },
      parts_.host.monotonic_ns());
}

// A copy waits as replayed while a delivery uses the entry: where that delivery has given it back the copy is
// as good as any other one.
bool Receiver::end_waits_of_released() {
  const std::uint64_t releases = parts_.journal.received().releases();
  return std::exchange(released_, releases) != releases && end_waits();
}

Status Receiver::claim(Transfer* transfer) {
  if (!is_on() || transfer->route != Route::kDecode) return Status::success();
  const std::string digest = content_of(*transfer).of_sidecar();
  const std::string path = transfer->source.path();
  const ReceivedStreams& received = parts_.journal.received();
  const std::optional<EntryRef> entry = received.find_open(digest, path);
  const bool is_required = mode() == ProofMode::kRequire;
  if (entry) {
    const std::string name = received.entry(*entry)->name;
    if (Status status = name == path ? Status::success() : rename(transfer, name); !status.ok())
      return status;
    transfer->intent.entry = *entry;
    parts_.journal.use_entry(*entry, transfer->intent.id);
    unlisted_.forget(path);
    return Status::success();
  }
  const std::optional<EntryRef> used = received.find_used(digest);
  std::string why = "no list that was verified names this container";
  std::string event = used ? "replayed" : "unlisted";
  if (used) {
    const ReceivedStream& stream = received.streams()[used->stream];
    why = "entry " + std::to_string(used->number) + " of " + stream.address.node +
          ", which names this container, is used up: it was delivered before";
  }
  if (!is_required) {
    parts_.reporter.log({.level = Level::kWarn,
                         .name = event,
                         .source = transfer->source_path(),
                         .status = "ok",
                         .message = why + "; proof = check delivers it all the same"});
    // Its list mostly comes later, and its entry must not stay open then. So does that of the same content
    // that is sent again.
    const auto [known, is_new] = early_.try_emplace(path);
    if (!is_new && known->second == transfer->source.identity) return Status::success();
    known->second = transfer->source.identity;
    if (early_.size() > kMaxEarly) early_.clear();
    return parts_.journal.note_received(ReceivedStreams::early_record(digest, path));
  }
  // Also one that was delivered before waits: the sender may have sent the same once more, and its list comes
  // after its container.
  if (const std::optional<EntryRef> foreign = received.find_foreign(digest); foreign && !used) {
    // Whoever it is for takes it.
    event = "foreign";
    why = "a list of " + received.streams()[foreign->stream].address.node +
          " names this container for other nodes";
  }
  transfer->unlisted = Status::integrity(event, why);
  return {Fault::kBlocked, event, event + ": " + why};
}

// Between claim() and the end of the batch a reload may have ended waits, of which this was none yet.
void Receiver::note_waiting(const Transfer& transfer) {
  if (transfer.unlisted.ok()) return;
  const std::string path = transfer.source.path();
  const std::string digest = content_of(transfer).of_sidecar();
  if (mode() != ProofMode::kRequire || may_pass(path, digest, transfer.unlisted.event))
    return parts_.ledger.end_wait(path);
  unlisted_.note(path, transfer.source.identity, digest, transfer.unlisted, parts_.host.monotonic_ns());
}

// The name that the sender has signed wins over the one under which the container came.
Status Receiver::rename(Transfer* transfer, const std::string& name) {
  Intent renamed = transfer->intent;
  renamed.folder = folder_of(name);
  renamed.name = data_of(base_name(name));
  Product& product = transfer->product;
  if (renamed.folder != transfer->intent.folder) {
    std::shared_ptr<const Directory> folder;
    Status status = parts_.open_target(renamed, &folder);
    bool taken = false;
    if (status.ok())
      status = product.directory->move_new(product.temporary, *folder, product.temporary, &taken);
    if (taken) status = Status::environment(folder->path_of(product.temporary) + " exists already");
    if (!status.ok()) return status;
    transfer->target_directory = folder;
    product.directory = folder.get();
    renamed.target_nested = folder->device() != parts_.outbox.root().device();
    if (status = folder->sync(); !status.ok()) return status;
  }
  product.name = renamed.name;
  product.compared.clear();
  transfer->intent = std::move(renamed);
  return Status::success();
}

void Receiver::note_failed(const Transfer& transfer) {
  const Status& status = transfer.status;
  const bool is_refused = status.fault == Fault::kIntegrity || status.fault == Fault::kRefused;
  if (!is_on() || !is_refused || status.event == "replayed" || transfer.route != Route::kDecode) return;
  const std::string digest = content_of(transfer).of_sidecar();
  const ReceivedStreams& received = parts_.journal.received();
  const std::string path = transfer.source.path();
  // A damaged one has another digest than the entry, so its name has to say which one it is.
  std::vector<EntryRef> entries;
  if (const std::optional<EntryRef> entry = received.find_open(digest, path)) entries = {*entry};
  if (entries.empty()) entries = received.open_with_name(path);
  if (entries.empty()) put_away(path);
  for (const EntryRef& entry : entries)
    if (received.entry(entry)->reason != status.event)
      std::ignore = parts_.journal.note_received(ReceivedStreams::refuse_record(entry, status.event));
}

// A receipt must not call it missing when its list comes.
void Receiver::put_away(const std::string& what) {
  const std::string record = parts_.journal.received().put_away_record(what);
  if (!record.empty()) std::ignore = parts_.journal.note_received(record);
}

void Receiver::describe(const Intent& intent, Event* event) const {
  if (!intent.entry) return;
  const ReceivedStreams& received = parts_.journal.received();
  const ReceivedEntry* entry = received.entry(*intent.entry);
  if (entry == nullptr) return;
  const StreamAddress& address = received.streams()[intent.entry->stream].address;
  event->numbers.emplace_back("entry", intent.entry->number);
  event->texts.emplace_back("sender", address.node);
  event->texts.emplace_back("list", address.stream + " " + std::to_string(entry->list));
}

// A sender lists what it sends within a time that its lists state.
std::uint64_t Receiver::longest_wait_ns() const {
  std::uint64_t within = 0;
  for (const ReceivedStream& stream : parts_.journal.received().streams())
    if (is_live(stream)) within = std::max(within, stream.within);
  if (within == 0) within = kUsualWithin;
  return (within + parts_.config.late_after) * kSecond;
}

std::vector<Receiver::Overdue> Receiver::take_overdue(std::uint64_t now_ns) {
  std::vector<Overdue> overdue;
  end_waits_of_released();
  if (mode() != ProofMode::kRequire || unlisted_.files().empty() || !is_complete_) return overdue;
  const std::uint64_t patience = longest_wait_ns();
  unlisted_.erase_if([&](const std::string& path, const UnlistedFiles::File& file) {
    const Wait* wait = parts_.ledger.find_wait(path, file.identity);
    if (wait == nullptr || wait->event != file.why.event) return true;
    if (file.why.event == "foreign" || now_ns - file.since_ns < patience) return false;
    if (file.why.event == "unlisted") put_away(file.digest);
    overdue.push_back({candidate_of(path, file.identity), file.why});
    return true;
  });
  if (!overdue.empty()) end_waits();
  return overdue;
}

}  // namespace paxect::link
