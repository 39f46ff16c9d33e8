#include "relay/receipts.h"

#include <algorithm>

#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/statement_name.h"
#include "relay/statement_file.h"

namespace paxect::link {
namespace {

// Between two receipts: each costs flushes.
constexpr std::uint64_t kInterval = 2 * kSecond;
// In a receipt, which is at most 4 MiB long. The entries after them are in it once those before are settled.
constexpr std::size_t kMaxRanges = 32'768;

// Digest of what a receipt says, without what is different in each.
std::string contents_of(Receipt receipt) {
  receipt.head.stream.assign(16, '0');
  receipt.head.number = 1;
  receipt.head.previous.clear();
  receipt.head.made = 0;
  receipt.head.log = {};
  return sha256_hex(receipt_text(receipt));
}

}  // namespace

Receipt make_receipt(const ReceivedStream& stream, const std::string& node, const std::string& own_stream,
                     std::uint64_t number, const std::string& previous, std::int64_t now,
                     std::uint64_t late_after, const LogHead& log) {
  Receipt receipt;
  receipt.head.from = node;
  receipt.head.to = {stream.address.node};
  receipt.head.stream = own_stream;
  receipt.head.number = number;
  receipt.head.previous = previous;
  receipt.head.made = now;
  receipt.head.log = log;
  receipt.about = stream.address.stream;
  receipt.list = stream.last_list();
  receipt.list_digest = stream.runs.empty() ? "" : stream.runs.back().digest;
  receipt.outcomes = stream.outcomes(now, static_cast<std::int64_t>(late_after));
  if (receipt.outcomes.size() > kMaxRanges) receipt.outcomes.resize(kMaxRanges);
  return receipt;
}

void Receipts::issue(std::uint64_t now_ns, bool now_or_never) {
  if (!is_on() || !parts_.inbox.is_open() || (!now_or_never && now_ns < due_ns_)) return;
  due_ns_ = now_ns + kInterval;
  const auto& streams = parts_.journal.received().streams();
  if (streams.empty()) return;
  // A receipt states the head of the log, and that what the log says is durable.
  if (!parts_.reporter.flush().ok()) return;
  Status status;
  for (std::size_t i = 0; i < streams.size() && status.ok(); ++i)
    if (!streams[i].runs.empty()) status = issue_one(i);
  parts_.reporter.report_problem("receipts", status.message);
}

Status Receipts::issue_one(std::size_t index) {
  Directory folder;
  Status status;
  if (own(index).pending.empty()) {
    bool goes_on =
        own(index).number > 0 && own(index).key == key_id_text(parts_.config.sign_key.key()->public_key().id);
    const Receipt receipt = next_receipt(index, goes_on);
    if (goes_on && own(index).contents == contents_of(receipt)) return status;
    if (status = open_folder(&folder); !status.ok()) return status;
    if (status = read_used(folder); !status.ok()) return status;
    const auto used = used_->find(own(index).stream);
    if (goes_on && used != used_->end() && used->second > own(index).number) {
      report_stream(index, "the journal is older than receipt " + std::to_string(used->second));
      goes_on = false;
    }
    status = decide(index, goes_on ? receipt : next_receipt(index, false));
  } else {
    status = open_folder(&folder);
  }
  bool is_taken = false;
  if (status.ok()) status = write(index, folder, &is_taken);
  if (!is_taken) return status;
  // Whoever made the other text: a number of a stream has one text for ever.
  report_stream(index, status.message);
  status = decide(index, next_receipt(index, false));
  return status.ok() ? write(index, folder, &is_taken) : status;
}

// The one after the last of its stream, or the first one of another stream: a receipt is complete by itself.
Receipt Receipts::next_receipt(std::size_t index, bool goes_on) const {
  const OwnReceipts& last = own(index);
  const std::int64_t now = parts_.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  return make_receipt(parts_.journal.received().streams()[index], parts_.config.node,
                      goes_on ? last.stream : make_stream(), goes_on ? last.number + 1 : 1,
                      goes_on ? last.digest : "", now, parts_.config.late_after,
                      parts_.reporter.audit().head());
}

Status Receipts::decide(std::size_t index, const Receipt& receipt) {
  const std::string text = receipt_text(receipt);
  // Whoever reads it refuses what is no receipt.
  Receipt ignored;
  if (Status status = parse_receipt(text, &ignored); !status.ok())
    return Status::environment("a receipt for " + receipt.head.to.front() +
                               " cannot be made: " + status.message);
  return parts_.journal.note_received(
      ReceivedStreams::receipt_record(index, receipt.head.stream, receipt.head.number, text), true);
}

// Numbers that are used in the folder, before the first receipt of this process: a journal that was put back
// with its log does not know them. A number that is gone from there too is beyond what can be known.
Status Receipts::read_used(const Directory& folder) {
  if (used_) return Status::success();
  std::map<std::string, std::uint64_t> used;
  Status status = folder.list([&](const char* text) {
    StatementName name;
    if (parse_statement_name(text, &name) && name.kind == StatementKind::kReceipt &&
        name.node == parts_.config.node)
      used[name.stream] = std::max(used[name.stream], name.number);
    return true;
  });
  if (status.ok()) used_ = std::move(used);
  return status;
}

void Receipts::report_stream(std::size_t index, const std::string& why) const {
  const std::string& sender = parts_.journal.received().streams()[index].address.node;
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "receipt_stream",
                       .source = parts_.config.receipts.empty() ? parts_.inbox.root().path_of(kProofFolder)
                                                                : parts_.config.receipts,
                       .status = "ok",
                       .message = "a new stream of receipts for " + sender + " begins: " + why,
                       .texts = {{"sender", sender}}});
}

// What is pending: the signature first, since whoever sees the receipt may look for it at once.
Status Receipts::write(std::size_t index, const Directory& folder, bool* is_taken) {
  const OwnReceipts pending = own(index);
  const std::string name = receipt_of(parts_.config.node, pending.stream, pending.number + 1);
  const std::string signature = sign_file(*parts_.config.sign_key.key(), pending.pending, name);
  Status status = put_statement(folder, signature_of(name), signature);
  if (status.ok()) status = put_statement(folder, name, pending.pending);
  *is_taken = status.event == kTaken;
  if (status.ok()) status = folder.sync();
  if (!status.ok()) return status;
  const std::int64_t now = parts_.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  Receipt receipt;
  std::string contents;
  if (parse_receipt(pending.pending, &receipt).ok()) contents = contents_of(receipt);
  status = parts_.journal.note_received(ReceivedStreams::receipted_record(
      index, pending.stream, pending.number + 1, sha256_hex(pending.pending), now,
      key_id_text(parts_.config.sign_key.key()->public_key().id), contents));
  if (!status.ok()) return status;
  const std::string sender = receipt.head.to.empty() ? "" : receipt.head.to.front();
  parts_.reporter.log({.name = "receipt",
                       .target = folder.path_of(name),
                       .status = "ok",
                       .message = "receipt " + std::to_string(pending.number + 1) + " for " + sender,
                       .texts = {{"sender", sender}}});
  return Status::success();
}

Status Receipts::open_folder(Directory* out) const {
  if (parts_.config.receipts.empty()) return parts_.inbox.root().open_below(kProofFolder, true, out);
  Status status = make_directories(parts_.config.receipts);
  return status.ok() ? Directory::open(parts_.config.receipts, out) : status;
}

}  // namespace paxect::link
