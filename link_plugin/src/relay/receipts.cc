#include "relay/receipts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/clock.h"
#include "base/digest.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/statement_name.h"
#include "records/signed_file.h"
#include "relay/own_lists.h"
#include "relay/statement_file.h"

namespace paxect::link {
namespace {

// Between two receipts: each costs flushes.
constexpr std::uint64_t kInterval = 2 * kSecond;
// In a receipt, which is at most 4 MiB long. The entries after them are in it once those before are settled.
constexpr std::size_t kMaxRanges = 32'768;

// What was delivered counts for entries of lists that the receipt names. A damaged journal may know of a
// delivery whose list it has lost: that entry is missing until its list comes again.
std::vector<OutcomeRange> bound_outcomes(const ReceivedStream& stream,
                                         const std::vector<OutcomeRange>& outcomes) {
  std::vector<OutcomeRange> bound;
  const auto add = [&](Outcome outcome, std::uint64_t first, std::uint64_t last, const std::string& reason) {
    if (first > last) return;
    if (!bound.empty() && bound.back().outcome == outcome && bound.back().reason == reason)
      bound.back().last = last;
    else
      bound.push_back({.outcome = outcome, .first = first, .last = last, .reason = reason});
  };
  for (const OutcomeRange& range : outcomes) {
    std::uint64_t next = range.first;
    if (range.outcome == Outcome::kDelivered)
      for (const ListRun& run : stream.runs) {
        if (run.next_entry <= next || run.first_entry > range.last) continue;
        const std::uint64_t first = std::max(next, run.first_entry);
        const std::uint64_t last = std::min(range.last, run.next_entry - 1);
        add(Outcome::kMissing, next, first - 1, "");
        add(Outcome::kDelivered, first, last, "");
        next = last + 1;
      }
    add(range.outcome == Outcome::kDelivered ? Outcome::kMissing : range.outcome, next, range.last,
        range.reason);
  }
  return bound;
}

// Digest of what a receipt says, without what is different in each.
// A fork makes another one: it tells a sender that was put back.
std::string contents_of(Receipt receipt, bool is_forked) {
  receipt.head.stream.assign(16, '0');
  receipt.head.number = 1;
  receipt.head.previous.clear();
  receipt.head.made = 0;
  receipt.head.log = {};
  return sha256_hex(receipt_text(receipt)) + (is_forked ? " forked" : "");
}

// What cannot be read now may be.
bool may_be_signed(const Directory& folder, const std::string& file, const PublicKey& key) {
  std::string text;
  const Status status = read_signed(folder, file, {key}, &text);
  return status.ok() || status.fault == Fault::kEnvironment;
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
  for (std::size_t i = 0; i + 1 < stream.runs.size(); ++i)
    receipt.before.push_back({stream.runs[i].last_list, stream.runs[i].digest});
  receipt.list = stream.last_list();
  receipt.list_digest = stream.runs.empty() ? "" : stream.runs.back().digest;
  // Nothing is known of entries of a stream of which no list came.
  if (!stream.runs.empty())
    receipt.outcomes = bound_outcomes(stream, stream.outcomes(now, static_cast<std::int64_t>(late_after)));
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
  if (status.fault != Fault::kStopped) parts_.reporter.report_problem("receipts", status.message);
}

Status Receipts::issue_one(std::size_t index) {
  Directory folder;
  Status status;
  if (own(index).pending.empty()) {
    bool goes_on =
        own(index).number > 0 && own(index).key == key_id_text(parts_.config.sign_key.key()->public_key().id);
    const Receipt receipt = next_receipt(index, goes_on);
    const bool is_forked = parts_.journal.received().streams()[index].is_forked;
    const bool is_same = goes_on && own(index).contents == contents_of(receipt, is_forked);
    if (is_same && !asked_.contains(index)) return status;
    if (status = open_folder(&folder); !status.ok()) return status;
    if (is_same && has_last(index, folder)) {
      asked_.erase(index);
      return status;
    }
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

bool Receipts::has_last(std::size_t index, const Directory& folder) const {
  const OwnReceipts& last = own(index);
  const std::string file = receipt_of(parts_.config.node, last.stream, last.number);
  std::string text;
  return folder.read_small(file, kMaxStatementSize, &text).ok() && sha256_hex(text) == last.digest &&
         folder.stat_of(signature_of(file)).kind == FileKind::kRegular;
}

// The one after the last of its stream, or the first one of another stream: a receipt is complete by itself.
Receipt Receipts::next_receipt(std::size_t index, bool goes_on) const {
  const OwnReceipts& last = own(index);
  // A clock that is not set yet may say anything.
  const std::int64_t now =
      std::max<std::int64_t>(0, parts_.host.realtime_ns() / static_cast<std::int64_t>(kSecond));
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
// with its log does not know them. A number that is gone from there too is beyond what can be known. Only
// what our key has signed counts: anybody who can write there can make a name.
Status Receipts::read_used(const Directory& folder) {
  if (used_) return Status::success();
  sweep_statements(folder, parts_.config.node);
  std::map<std::string, std::uint64_t> last;
  for (const ReceivedStream& stream : parts_.journal.received().streams())
    if (!stream.receipts.stream.empty()) last[stream.receipts.stream] = stream.receipts.number;
  std::map<std::string, std::vector<std::uint64_t>> later;
  Status status = folder.list([&](const char* text) {
    StatementName name;
    if (!parse_statement_name(text, &name) || name.kind != StatementKind::kReceipt || name.is_signature ||
        name.node != parts_.config.node)
      return true;
    const auto known = last.find(name.stream);
    if (known != last.end() && name.number > known->second) later[name.stream].push_back(name.number);
    return true;
  });
  std::map<std::string, std::uint64_t> used;
  for (auto& [stream, numbers] : later) {
    std::sort(numbers.rbegin(), numbers.rend());
    const auto signed_one =
        std::find_if(numbers.begin(), numbers.end(), [&, &name = stream](std::uint64_t number) {
          return parts_.host.stop_requested() ||
                 may_be_signed(folder, receipt_of(parts_.config.node, name, number),
                               parts_.config.sign_key.key()->public_key());
        });
    if (parts_.host.stop_requested()) return Status::stopped();
    if (signed_one != numbers.end()) used[stream] = *signed_one;
  }
  if (status.ok()) used_ = std::move(used);
  return status;
}

Status Receipts::find_unknown(std::string* records, std::string* newest) const {
  records->clear();
  newest->clear();
  std::int64_t made = 0;
  if (!is_on() || !parts_.inbox.is_open()) return Status::success();
  const std::string lists = parts_.inbox.root().path_of(kProofFolder);
  const std::string elsewhere = imported_receipts_of(parts_.config.state);
  std::set<std::string> read;
  for (const std::string& path : {lists, elsewhere, parts_.config.receipts}) {
    if (path.empty() || !read.insert(path).second || is_absent(path)) continue;
    Directory folder;
    Status status = path == lists ? parts_.inbox.root().open_below(kProofFolder, false, &folder)
                                  : Directory::open(path, &folder);
    // The setting may lead to a folder that several relays share.
    const bool is_own_place = path == lists || path == elsewhere;
    if (status.ok()) status = find_unknown_in(folder, is_own_place, records, newest, &made);
    if (!status.ok() && status.fault != Fault::kGone) return status;
  }
  return Status::success();
}

// Of each stream of receipts the newest that our key has signed: it says all that the ones before it said.
Status Receipts::find_unknown_in(const Directory& folder, bool is_own_place, std::string* records,
                                 std::string* newest, std::int64_t* made) const {
  const ReceivedStreams& received = parts_.journal.received();
  const std::vector<PublicKey> own_key = {parts_.config.sign_key.key()->public_key()};
  std::map<std::string, std::vector<std::uint64_t>> numbers;
  std::size_t names = 0;
  Status status = folder.list([&](const char* text) {
    StatementName name;
    if (parse_statement_name(text, &name) && name.kind == StatementKind::kReceipt && !name.is_signature &&
        name.node == parts_.config.node &&
        (++names <= kMaxStatements || check_signature(folder, text, own_key).ok()))
      numbers[name.stream].push_back(name.number);
    return !parts_.host.stop_requested();
  });
  if (parts_.host.stop_requested()) return Status::stopped();
  if (!status.ok()) return status;
  for (const ReceivedStream& stream : received.streams())
    std::erase_if(numbers[stream.receipts.stream],
                  [&](std::uint64_t number) { return number <= stream.receipts.number; });
  for (auto& [stream, all] : numbers) {
    std::sort(all.rbegin(), all.rend());
    Status unread;
    for (const std::uint64_t number : all) {
      if (parts_.host.stop_requested()) return Status::stopped();
      const std::string file = receipt_of(parts_.config.node, stream, number);
      std::string text;
      Receipt receipt;
      status = read_signed(folder, file, own_key, &text);
      // One file must not hold up the start: the receipt before it says most of the same.
      if (status.fault == Fault::kEnvironment) {
        parts_.host.log(PAXECT_LOG_WARN,
                        "a receipt of this node cannot be read and is passed over: " + status.message);
        // Who may write to the folder can forbid to read a file, and cannot have a disk fail.
        if (unread.ok() && !is_forbidden(folder, file) && !is_forbidden(folder, signature_of(file)))
          unread = status;
      }
      if (!status.ok() || !parse_receipt(text, &receipt).ok()) continue;
      unread = Status::success();
      const auto& known = received.streams();
      const bool is_known = std::any_of(known.begin(), known.end(), [&](const ReceivedStream& each) {
        return each.address.node == receipt.head.to.front() && each.address.stream == receipt.about;
      });
      if (!is_known && !is_own_place) break;
      ReceivedStreams::Ranges delivered;
      for (const OutcomeRange& range : receipt.outcomes)
        if (range.outcome == Outcome::kDelivered) delivered.emplace_back(range.first, range.last);
      const std::string unknown = received.gone_records(receipt.head.to.front(), receipt.about, delivered);
      *records += unknown;
      if (!unknown.empty() && receipt.head.made >= *made) {
        *made = receipt.head.made;
        *newest = folder.path_of(file);
      }
      break;
    }
    // It may be the only one that says what the journal does not know.
    if (!unread.ok()) return unread;
  }
  return Status::success();
}

void Receipts::report_stream(std::size_t index, const std::string& why) const {
  const std::string& sender = parts_.journal.received().streams()[index].address.node;
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "receipt_stream",
                       .source = folder(),
                       .status = "ok",
                       .message = "a new stream of receipts for " + sender + " begins: " + why,
                       .texts = {{"sender", sender}}});
}

// What is pending: the signature first, since whoever sees the receipt may look for it at once.
Status Receipts::write(std::size_t index, const Directory& folder, bool* is_taken) {
  const OwnReceipts pending = own(index);
  const std::string name = receipt_of(parts_.config.node, pending.stream, pending.number + 1);
  const SigningKey& key = *parts_.config.sign_key.key();
  Status status =
      put_list(folder, key, {name, pending.pending, sign_file(key, pending.pending, name)}, is_taken);
  if (*is_taken)
    status = Status::environment(folder.path_of(name) + " exists with another text that our key signed");
  *is_taken = *is_taken || status.event == kTaken;
  if (status.ok()) status = folder.sync();
  if (!status.ok()) return status;
  const std::int64_t now = parts_.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  Receipt receipt;
  std::string contents;
  if (parse_receipt(pending.pending, &receipt).ok())
    contents = contents_of(receipt, parts_.journal.received().streams()[index].is_forked);
  status = parts_.journal.note_received(ReceivedStreams::receipted_record(
      index, pending.stream, pending.number + 1, sha256_hex(pending.pending), now,
      key_id_text(parts_.config.sign_key.key()->public_key().id), contents));
  if (!status.ok()) return status;
  asked_.erase(index);
  const std::string sender = receipt.head.to.empty() ? "" : receipt.head.to.front();
  parts_.reporter.log({.name = "receipt",
                       .target = folder.path_of(name),
                       .status = "ok",
                       .message = "receipt " + std::to_string(pending.number + 1) + " for " + sender,
                       .texts = {{"sender", sender}}});
  return Status::success();
}

// A medium that only leads here takes no receipts: they wait in the folder of the state, for a person or a
// path that carries them back.
std::string Receipts::folder() const {
  if (!parts_.config.receipts.empty()) return parts_.config.receipts;
  const std::string lists = parts_.inbox.root().path_of(kProofFolder);
  const Directory& root = parts_.inbox.root();
  Directory below;
  const bool is_there = root.open_below(kProofFolder, false, &below).ok();
  const int fd = is_there ? below.fd() : root.fd();
  const bool is_refused =
      faccessat(fd, ".", W_OK, AT_EACCESS) != 0 && (errno == EROFS || errno == EACCES || errno == EPERM);
  return is_refused ? imported_receipts_of(parts_.config.state) : lists;
}

Status Receipts::open_folder(Directory* out) const {
  const std::string path = folder();
  if (path == parts_.inbox.root().path_of(kProofFolder))
    return parts_.inbox.root().open_below(kProofFolder, true, out);
  Status status = make_directories(path);
  return status.ok() ? Directory::open(path, out) : status;
}

}  // namespace paxect::link
