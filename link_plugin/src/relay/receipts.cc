#include "relay/receipts.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "relay/statement_file.h"

namespace paxect::link {
namespace {

// Between two receipts: each costs flushes.
constexpr std::uint64_t kInterval = 2 * kSecond;

// What a receipt says, without what is different in each.
std::string essence(Receipt receipt) {
  receipt.head.stream.assign(16, '0');
  receipt.head.number = 1;
  receipt.head.previous.clear();
  receipt.head.made = 0;
  receipt.head.log = {};
  return receipt_text(receipt);
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
  const auto stream = [&]() -> const ReceivedStream& { return parts_.journal.received().streams()[index]; };
  const std::int64_t now = parts_.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  const OwnReceipts& own = stream().receipts;
  Directory folder;
  if (own.pending.empty()) {
    // Another key begins another stream.
    const bool goes_on =
        own.number > 0 && own.key == key_id_text(parts_.config.sign_key.key()->public_key().id);
    const Receipt receipt = make_receipt(stream(), parts_.config.node, goes_on ? own.stream : make_stream(),
                                         goes_on ? own.number + 1 : 1, goes_on ? own.digest : "", now,
                                         parts_.config.late_after, parts_.reporter.audit().head());
    if (auto last = last_.find(index); last != last_.end() && last->second == essence(receipt))
      return Status::success();
    const std::string record = ReceivedStreams::receipt_record(index, receipt.head.stream,
                                                               receipt.head.number, receipt_text(receipt));
    if (Status status = open_folder(&folder); !status.ok()) return status;
    if (Status status = parts_.journal.note_received(record, true); !status.ok()) return status;
  } else if (Status status = open_folder(&folder); !status.ok()) {
    return status;
  }
  return write(index, folder);
}

// What is pending: the signature first, since whoever sees the receipt may look for it at once.
Status Receipts::write(std::size_t index, const Directory& folder) {
  const OwnReceipts own = parts_.journal.received().streams()[index].receipts;
  const std::string name = receipt_of(parts_.config.node, own.stream, own.number + 1);
  const std::string signature = sign_file(*parts_.config.sign_key.key(), own.pending, name);
  Status status = put_statement(folder, signature_of(name), signature);
  if (status.ok()) status = put_statement(folder, name, own.pending);
  if (status.ok()) status = folder.sync();
  if (!status.ok()) return status;
  const std::int64_t now = parts_.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  status = parts_.journal.note_received(
      ReceivedStreams::receipted_record(index, own.stream, own.number + 1, sha256_hex(own.pending), now,
                                        key_id_text(parts_.config.sign_key.key()->public_key().id)));
  if (!status.ok()) return status;
  Receipt receipt;
  if (parse_receipt(own.pending, &receipt).ok()) last_[index] = essence(receipt);
  parts_.reporter.log({.name = "receipt",
                       .target = folder.path_of(name),
                       .status = "ok",
                       .message = "receipt " + std::to_string(own.number + 1) + " for " +
                                  (receipt.head.to.empty() ? "" : receipt.head.to.front()),
                       .texts = {{"sender", receipt.head.to.empty() ? "" : receipt.head.to.front()}}});
  return Status::success();
}

Status Receipts::open_folder(Directory* out) const {
  if (parts_.config.receipts.empty()) return parts_.inbox.root().open_below(kProofFolder, true, out);
  Status status = make_directories(parts_.config.receipts);
  return status.ok() ? Directory::open(parts_.config.receipts, out) : status;
}

}  // namespace paxect::link
