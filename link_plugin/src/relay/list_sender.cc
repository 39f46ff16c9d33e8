#include "relay/list_sender.h"

#include <algorithm>
#include <limits>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "relay/statement_file.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
// Lists that one batch carries. Under load each carries those of the two batches before.
constexpr std::size_t kMaxCarried = 8;
// Lists whose names are not durable, before a flush of their own. The journal has all of them until then.
constexpr std::size_t kMaxUnsynced = 64;
// Containers that wait for a list; the journal has a record of each.
constexpr std::size_t kMaxUnlisted = 65536;
constexpr std::int64_t kSecondNs = 1'000'000'000;

// The deliveries that the entries are about, in their order: "12-40 43".
std::string ids_text(const std::vector<SentEntry>& entries) {
  std::string text;
  for (std::size_t i = 0; i < entries.size();) {
    std::size_t end = i + 1;
    while (end < entries.size() && entries[end].id == entries[end - 1].id + 1) ++end;
    text += (i == 0 ? "" : " ") + std::to_string(entries[i].id);
    if (end > i + 1) text += "-" + std::to_string(entries[end - 1].id);
    i = end;
  }
  return text;
}

}  // namespace

std::vector<Unflushed> ListSender::Carried::unflushed() const {
  std::vector<Unflushed> files;
  for (const Item& item : items)
    for (const Product* product : {&item.signature, &item.file})
      if (product->fd) files.push_back({product->fd.get(), product->directory, product->path()});
  return files;
}

// ---- making lists --------------------------------------------------------------------------------------

std::shared_ptr<ListSender::Carried> ListSender::begin(bool is_idle) {
  if (!is_on() || !current_.expired() || has_unnamed() || must_open_) return nullptr;
  const bool is_empty_due = is_idle && parts_.host.monotonic_ns() >= first_due_ns();
  if (parts_.journal.sent().unlisted().empty() && !is_empty_due) return nullptr;
  auto carried = std::make_shared<Carried>();
  compose(carried.get(), is_empty_due);
  carried->status = write(carried.get());
  current_ = carried;
  return carried;
}

void ListSender::compose(Carried* carried, bool may_be_empty) const {
  const SentStream& stream = parts_.journal.sent();
  SentList list;
  list.number = stream.next;
  list.first = stream.next_entry;
  list.previous = stream.previous;
  list.made = std::max<std::int64_t>(0, parts_.host.realtime_ns() / kSecondNs);
  list.within = parts_.config.within;
  list.to = parts_.config.to;
  list.log = parts_.reporter.audit().head();
  auto entry = stream.unlisted().begin();
  const auto end = stream.unlisted().end();
  for (; (entry != end && carried->items.size() < kMaxCarried) || may_be_empty; may_be_empty = false) {
    list.entries.clear();
    for (; entry != end && list.entries.size() < kMaxListEntries; ++entry) list.entries.push_back(*entry);
    Carried::Item item;
    item.text = stream.text_of(list);
    list.digest = sha256_hex(item.text);
    item.list = list;
    carried->items.push_back(std::move(item));
    list.previous = list.digest;
    list.first += list.entries.size();
    ++list.number;
  }
}

// Their temporaries are in the outbox itself, where those of products are: the flush of those covers the
// names. Only where the folder of the lists is another file system are they there.
Status ListSender::write(Carried* carried) {
  const SentStream& stream = parts_.journal.sent();
  Status status = parts_.outbox.folder(kProofFolder, IfMissing::kCreate, &carried->folder);
  if (!status.ok()) return status;
  carried->temporaries = parts_.outbox.shared_root();
  if (carried->folder->device() != carried->temporaries->device()) carried->temporaries = carried->folder;
  for (Carried::Item& item : carried->items) {
    const std::string name = list_of(stream.node, stream.name, item.list.number);
    item.signature_text = sign_file(*parts_.config.sign_key.key(), item.text, name);
    item.file.name = name;
    item.signature.name = signature_of(name);
    for (auto [product, text] :
         {std::pair{&item.signature, &item.signature_text}, {&item.file, &item.text}}) {
      product->directory = carried->temporaries.get();
      product->temporary = product_temporary_of(parts_.journal.relay_token(), parts_.journal.next_id());
      status = begin_product(product);
      if (status.ok()) status = write_product(product, text->data(), text->size());
      if (!status.ok()) return status;
    }
  }
  return status;
}

std::vector<SentList> ListSender::lists_of(const Carried& carried) const {
  std::vector<SentList> lists;
  if (!carried.status.ok()) return lists;
  for (const Carried::Item& item : carried.items) lists.push_back(item.list);
  return lists;
}

void ListSender::publish(Carried* carried, const Status& decided) {
  if (carried->status.ok()) listed_ns_ = parts_.host.monotonic_ns();
  Status status = carried->status.ok() ? decided : carried->status;
  for (Carried::Item& item : carried->items) {
    if (!status.ok()) break;
    status = publish_item(carried, &item, false);
  }
  abandon(carried);
  const auto& lists = parts_.journal.sent().lists();
  if (status.ok() && !lists.empty() && lists.back().number >= synced_ + kMaxUnsynced) status = sync_names();
  note_outcome(status);
}

// A process before that was killed may have logged it already.
Status ListSender::publish_item(Carried* carried, Carried::Item* item, bool may_be_logged) {
  const SentStream& stream = parts_.journal.sent();
  bool taken = false;
  Status status = place(*carried, &item->signature, item->signature_text, &taken);
  if (status.ok() && !taken) status = place(*carried, &item->file, item->text, &taken);
  const std::string path = carried->folder->path_of(item->file.name);
  if (taken)
    status = put_list(*carried->folder, *parts_.config.sign_key.key(),
                      {item->file.name, item->text, item->signature_text}, &taken);
  if (taken || status.event == kTaken) {
    must_open_ = true;
    streams_.give_up();
    const std::string why = taken ? path + " exists with another text that our key signed" : status.message;
    return Status::environment(why + ": another stream begins");
  }
  if (!status.ok()) return status;
  parts_.journal.note_named(item->list.number);
  ++written_;
  if (List list; shown_ && parse_list(item->text, &list).ok()) add_entries(list, &*shown_);
  copies_.add({item->file.name, item->text, item->signature_text});
  if (may_be_logged && parts_.reporter.audit().has_list(stream.name, item->list.number)) return status;
  parts_.reporter.log({.name = "list",
                       .target = path,
                       .status = "ok",
                       .message = "sha256=" + item->list.digest,
                       .numbers = {{"number", item->list.number},
                                   {"first", item->list.first},
                                   {"count", item->list.entries.size()}},
                       .texts = {{"stream", stream.name},
                                 {"relay", std::string(short_token_of(parts_.journal.relay_token()))},
                                 {"ids", ids_text(item->list.entries)}}});
  return status;
}

// A file that has the name already with the same bytes is from before a crash. What cannot be read is taken:
// put_list() judges it.
Status ListSender::place(const Carried& carried, Product* product, const std::string& text,
                         bool* taken) const {
  *taken = false;
  if (Status status = check_own(*product); !status.ok()) return status;
  Status status = carried.temporaries->move_new(product->temporary, *carried.folder, product->name, taken);
  if (status.ok()) product->fd.reset();
  if (!*taken) return status;
  std::string found;
  *taken = !carried.folder->read_small(product->name, kMaxStatementSize, &found).ok() || found != text;
  return Status::success();
}

void ListSender::abandon(Carried* carried) {
  for (Carried::Item& item : carried->items)
    for (Product* product : {&item.signature, &item.file}) abandon_product(product);
}

void ListSender::note_outcome(const Status& status) {
  if (status.fault == Fault::kStopped) return;  // the next start goes on
  parts_.reporter.report_problem("lists", status.message);
  const std::uint64_t now = parts_.host.monotonic_ns();
  failures_ = status.ok() ? 0 : failures_ + 1;
  retry_ns_ = status.ok() ? 0 : now + backoff_delay_ns(parts_.config.backoff_ns, failures_, now);
}

// ---- what is left --------------------------------------------------------------------------------------

bool ListSender::has_unnamed() const {
  const auto& lists = parts_.journal.sent().lists();
  return std::any_of(lists.begin(), lists.end(), [](const SentList& list) { return !list.is_named; });
}

bool ListSender::has_named() const {
  const auto& lists = parts_.journal.sent().lists();
  return !lists.empty() && lists.front().is_named;
}

// Lists that have no names, or whose names may not be durable; others wait for their copies.
bool ListSender::has_unsynced() const {
  const auto& lists = parts_.journal.sent().lists();
  return !lists.empty() && (has_unnamed() || lists.back().number > synced_ || copies_.empty());
}

bool ListSender::is_full() const { return parts_.journal.sent().unlisted().size() >= kMaxUnlisted; }

std::uint64_t ListSender::first_due_ns() const { return listed_ns_ + parts_.config.within * kSecond; }

bool ListSender::owes() const {
  if (!is_on() || retry_ns_ > parts_.host.monotonic_ns()) return false;
  const SentStream& stream = parts_.journal.sent();
  const std::uint64_t now = parts_.host.monotonic_ns();
  return must_open_ || !stream.unlisted().empty() || has_unsynced() || copies_.is_due() ||
         now >= first_due_ns();
}

std::uint64_t ListSender::due_ns() const {
  if (!is_on()) return kNever;
  if (retry_ns_ != 0) return retry_ns_;
  const SentStream& stream = parts_.journal.sent();
  if (must_open_ || !stream.unlisted().empty() || has_unsynced())
    return changed_ns_ + parts_.config.list_delay_ns;
  return copies_.empty() ? first_due_ns() : std::min(first_due_ns(), copies_.retry_ns());
}

void ListSender::tend() {
  if (!is_on() || !current_.expired()) return;
  Status status;
  if (must_open_) status = open_stream();
  if (status.ok() && has_unnamed()) status = redo();
  while (status.ok()) {
    const std::shared_ptr<Carried> carried = begin(true);
    if (!carried) break;
    status = carried->status;
    if (status.ok()) status = flush(*carried);
    if (status.ok()) status = parts_.journal.prepare({}, lists_of(*carried));
    publish(carried.get(), status);
    if (has_unnamed()) return;  // its failure is noted
  }
  if (status.ok() && has_named() && has_unsynced())
    status = sync_names();
  else if (status.ok())
    status = copy_waiting();
  note_outcome(status);
}

// Once they are there, their lists need not be known any longer.
Status ListSender::copy_waiting() {
  if (!copies_.is_due()) return Status::success();
  copies_.copy();
  return copies_.empty() && has_named() ? sync_names() : Status::success();
}

Status ListSender::flush(const Carried& carried) {
  Status status;
  for (const Status& each : flush_files(carried.unflushed()))
    if (!each.ok()) status = each;
  return status;
}

// Lists that are decided and have no names yet: the same bytes again.
Status ListSender::redo() {
  Carried carried;
  std::vector<SentList> undecided;
  for (const SentList& list : parts_.journal.sent().lists()) {
    if (list.is_named) continue;
    if (!list.is_durable) undecided.push_back(list);
    Carried::Item item;
    item.list = list;
    item.text = parts_.journal.sent().text_of(list);
    carried.items.push_back(std::move(item));
  }
  // A record whose flush failed may be on disk.
  Status status;
  if (!undecided.empty()) status = parts_.journal.prepare({}, undecided);
  if (status.ok()) status = write(&carried);
  if (status.ok()) status = flush(carried);
  for (Carried::Item& item : carried.items)
    if (status.ok()) status = publish_item(&carried, &item, true);
  abandon(&carried);
  return status;
}

Status ListSender::sync_names() {
  std::shared_ptr<const Directory> folder;
  Status status = parts_.outbox.folder(kProofFolder, IfMissing::kCreate, &folder);
  if (status.ok()) status = folder->sync();
  if (!status.ok()) return status;
  std::uint64_t number = 0;
  for (const SentList& list : parts_.journal.sent().lists()) {
    if (!list.is_named) break;
    number = list.number;
  }
  synced_ = std::max(synced_, number);
  copies_.copy();
  // They are in the journal for as long as their copies may have to be made again.
  if (const auto waiting = copies_.first_of(parts_.journal.sent().name))
    number = std::min(number, *waiting - 1);
  if (number > 0) parts_.journal.note_listed(number);
  return status;
}

// ---- lists that were lost ------------------------------------------------------------------------------

Status ListSender::write_again(const std::vector<SentStream::EntryNumber>& entries,
                               std::vector<SentStream::EntryNumber>* lost) {
  lost->clear();
  if (!is_on() || entries.empty()) return Status::success();
  std::shared_ptr<const Directory> folder;
  Status status = parts_.outbox.folder(kProofFolder, IfMissing::kCreate, &folder);
  std::set<const ListText*> seen;
  for (const SentStream::EntryNumber& entry : entries) {
    const ListText* list = parts_.journal.sent().list_with(entry);
    // Only the key that signed it makes the same signature.
    if (list == nullptr || list->key != line_of(parts_.config.sign_key.key()->public_key()))
      lost->push_back(entry);
    else if (status.ok() && seen.insert(list).second)
      status = restore(*folder, list->text);
  }
  if (status.ok() && !seen.empty()) status = folder->sync();
  return status;
}

Status ListSender::restore(const Directory& folder, const std::string& text) {
  OwnList list;
  bool is_other = false;
  Status status = sign_list(*parts_.config.sign_key.key(), text, &list);
  if (status.ok()) status = put_list(folder, *parts_.config.sign_key.key(), list, &is_other);
  if (status.event == kTaken) {
    // The other lists of the request are written nevertheless.
    parts_.reporter.log({.level = Level::kError,
                         .name = "resend",
                         .target = folder.path_of(list.name),
                         .status = "rejected",
                         .message = "this list cannot be written again: " + status.message,
                         .advice = "remove what has its name, and request it again"});
    return Status::success();
  }
  if (!status.ok()) return status;
  if (is_other)
    parts_.reporter.log({.level = Level::kError,
                         .name = "resend",
                         .target = folder.path_of(list.name),
                         .status = "rejected",
                         .message = "this list has another text than the one that this node made, signed by "
                                    "its key: find out who else has the key"});
  else
    copies_.add(std::move(list));
  return status;
}

// ---- streams -------------------------------------------------------------------------------------------

void ListSender::start() {
  must_open_ = true;
  if (!is_on()) return;
  std::shared_ptr<const Directory> folder;
  if (parts_.outbox.folder(kProofFolder, IfMissing::kFail, &folder).ok())
    sweep_statements(*folder, parts_.config.node);
  note_outcome(open_stream());
}

Status ListSender::open_stream() {
  const SentStream& stream = parts_.journal.sent();
  const bool is_ours = streams_.is_ours();
  Status status;
  if (!is_ours) streams_.find_named();
  // Their texts were decided, whatever else the journal may lack.
  if (is_ours && has_unnamed() && !streams_.is_given_up()) status = redo();
  // Another stream lists nothing again that has its name: that has to be durable.
  if (has_named() && (status.ok() || streams_.is_given_up()))
    if (Status synced = sync_names(); !synced.ok()) return synced;
  if (!status.ok() && !streams_.is_given_up()) return status;
  bool is_new = false;
  status = streams_.open(&is_new);
  if (!status.ok()) return status;
  if (is_new) {
    synced_ = 0;
    shown_.reset();
  }
  // The clock of empty lists goes on over a restart.
  const std::uint64_t now = parts_.host.monotonic_ns();
  const std::int64_t age = std::max<std::int64_t>(0, parts_.host.realtime_ns() / kSecondNs - stream.made);
  const std::uint64_t passed =
      stream.made == 0 ? 0
                       : std::min(static_cast<std::uint64_t>(age) * kSecond, parts_.config.within * kSecond);
  listed_ns_ = now - std::min(now, passed);
  changed_ns_ = now;
  must_open_ = false;
  return status;
}

void ListSender::give_up_numbers(std::uint64_t list) {
  streams_.give_up_numbers(list);
  must_open_ = true;
}

}  // namespace paxect::link
