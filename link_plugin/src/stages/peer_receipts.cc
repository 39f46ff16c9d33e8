#include "stages/peer_receipts.h"

#include <algorithm>
#include <functional>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/signature_damage.h"
#include "proof/statement_name.h"
#include "records/signed_file.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxUnpinned = 1000;  // receipts of nodes of which no key is pinned

// Which of a receipt's claims about our lists cannot be true, "" when all may be. `*is_other` receives
// whether it is about other texts than ours, or more of them.
std::string contradiction(const Receipt& receipt, const SentStream& sent, bool* is_other) {
  *is_other = false;
  // One that names no list claims nothing.
  if (sent.name.empty() || receipt.list == 0) return "";
  std::vector<ListDigest> lists = receipt.before;
  lists.push_back({receipt.list, receipt.list_digest});
  for (const ListDigest& each : lists) {
    const std::string list = "list " + std::to_string(each.number) + " of stream " + receipt.about;
    if (receipt.about == sent.name && each.number >= sent.next) {
      *is_other = true;
      return "it is about " + list + ", and this node made no more than " + std::to_string(sent.next - 1) +
             ": the journal is an older one";
    }
    const std::string digest = sent.digest_of(receipt.about, each.number);
    if (!digest.empty() && digest != each.digest) {
      *is_other = true;
      return "it is about another " + list + " than the one that this node made";
    }
    // Of lists before, those are known of which a source stays.
    if (digest.empty() && each.number == receipt.list)
      return "it is about " + list + ", which this node cannot compare any more: a newer receipt counts";
  }
  // What it says is bound to these lists: of an entry that none of them has nothing can be said.
  const std::uint64_t through = receipt.outcomes.empty() ? 0 : receipt.outcomes.back().last;
  const auto last = sent.entries_of(receipt.about, receipt.list);
  if (last && through >= last->second)
    return "it says what became of entry " + std::to_string(through) + ", and list " +
           std::to_string(receipt.list) + ", the last one that it is about, ends with entry " +
           std::to_string(last->second - 1);
  for (const ListDigest& each : receipt.before) {
    const auto missing = sent.entries_of(receipt.about, each.number + 1);
    for (const OutcomeRange& range : receipt.outcomes)
      if (missing && missing->first < missing->second && range.outcome == Outcome::kDelivered &&
          range.first < missing->second && range.last >= missing->first)
        return "it says that entries of list " + std::to_string(each.number + 1) +
               " were delivered, and that this list is missing";
  }
  return "";
}

// What is wrong with a receipt that no pinned key of its node has signed, as `verify` says.
Status check_signer(const std::string& path, const StatementName& head, const std::vector<PinnedKey>& keys,
                    const std::function<Status(const std::vector<PublicKey>&)>& verify) {
  const std::vector<PublicKey> valid = keys_for(node_keys_of(keys), head.node, head.stream, head.number);
  if (valid.empty())
    return Status::invalid(path + ": no key of " + head.node +
                           " is pinned that counts for it: run paxect link key pin " + head.node + " FILE");
  Status status = verify(valid);
  if (status.ok()) return status;
  return Status::invalid(path + ": " + status.message +
                         (status.event == kSignatureDamaged
                              ? ""
                              : ": have it and its signature copied again, or pin the key that signed it"));
}

// The name in PeerReceipts::Key of the other text for the newest receipt: no stream has it.
std::string second_of(const std::string& stream) { return stream + " second"; }

}  // namespace

std::string second_receipts_of(std::string_view state) { return join(imported_receipts_of(state), "second"); }

std::vector<std::string> receipt_places_of(const std::string& state, const std::string& receipts_in) {
  return {imported_receipts_of(state), second_receipts_of(state), receipts_in};
}

Status read_request(const Directory& folder, const std::string& file, const std::string& us,
                    const std::vector<PinnedKey>& keys, const SentStream& sent, FoundReceipt* out) {
  const std::string path = folder.path_of(file);
  auto refuse = [&](const std::string& why) { return Status::invalid(path + ": " + why); };
  std::string text;
  std::string signature;
  Receipt receipt;
  Status status = folder.read_small(file, kMaxStatementSize, &text);
  if (status.ok()) status = folder.read_small(signature_of(file), kMaxStatementSize, &signature);
  if (!status.ok()) return status;
  if (status = parse_receipt(text, &receipt); !status.ok()) return refuse(status.message);
  const StatementName head{.kind = StatementKind::kReceipt,
                           .node = receipt.head.from,
                           .stream = receipt.head.stream,
                           .number = receipt.head.number};
  status = check_signer(path, head, keys, [&](const std::vector<PublicKey>& valid) {
    return verify_file(text, signature, file, valid);
  });
  if (!status.ok()) return status;
  if (receipt.head.to.front() != us)
    return Status::refused("for_others",
                           path + ": it is for " + receipt.head.to.front() + ", and this node is " + us);
  // Of a stream that the journal knows nothing of no source waits for a receipt.
  if (!sent.name.empty() && receipt.about != sent.name && !sent.has_digests(receipt.about))
    return Status::refused("old_stream", path + ": it is about stream " + receipt.about +
                                             ", of which nothing waits for a receipt any more");
  bool is_other = false;
  const std::string problem = contradiction(receipt, sent, &is_other);
  if (!problem.empty() && !is_other) return refuse(problem);
  *out = {.path = path, .digest = sha256_hex(text), .receipt = std::move(receipt)};
  return is_other ? Status::refused("other_list", path + ": " + problem) : Status::success();
}

Status read_receipt(const Directory& folder, const std::string& file, const std::string& us,
                    const std::vector<PinnedKey>& keys, const SentStream& sent, FoundReceipt* out) {
  const std::string path = folder.path_of(file);
  StatementName name;
  if (!parse_statement_name(file, &name) || name.kind != StatementKind::kReceipt || name.is_signature)
    return Status::invalid(path + ": the name is not NODE.STREAM.NUMBER.receipt");
  // Its signature first: whoever can write to the folder can make large files under any name.
  std::string signature;
  Status status = folder.read_small(signature_of(file), kMaxSignatureSize, &signature);
  if (status.ok())
    status = check_signer(path, name, keys, [&](const std::vector<PublicKey>& valid) {
      return verify_signature_file(signature, file, valid);
    });
  if (!status.ok()) return status;
  status = read_request(folder, file, us, keys, sent, out);
  if (!status.ok() && status.event != "other_list") return status;
  const StatementHead& head = out->receipt.head;
  if (head.from != name.node || head.stream != name.stream || head.number != name.number)
    return Status::invalid(path + ": its head has another node, stream or number than its name");
  return status;
}

// Those of nodes of which no key is pinned cannot count: some are read, so that they are reported.
Status PeerReceipts::list_numbers(const Directory& folder, const std::vector<NodeKey>& keys, Numbers* out) {
  std::set<std::string> nodes;
  for (const NodeKey& key : keys) nodes.insert(key.node);
  std::size_t names = 0;
  std::size_t unpinned = 0;
  Status status = folder.list([&](const char* text) {
    StatementName name;
    if (!parse_statement_name(text, &name) || name.kind != StatementKind::kReceipt || name.is_signature)
      return true;
    const bool is_pinned = nodes.contains(name.node);
    if (is_pinned ? ++names <= kMaxStatements : ++unpinned <= kMaxUnpinned)
      (*out)[{name.node, name.stream}].push_back(name.number);
    return true;
  });
  // Of each stream the highest number first: the ones before say nothing more.
  for (auto& [stream, all] : *out) std::sort(all.rbegin(), all.rend());
  if (status.ok() && names > kMaxStatements)
    status = Status::environment(folder.path() + " has more than " + std::to_string(kMaxStatements) +
                                 " receipts, and those beyond are not read: find out who puts them there, "
                                 "and remove old ones");
  return status;
}

std::size_t PeerReceipts::remembered() const {
  std::size_t count = 0;
  for (const auto& [folder, files] : seen_) count += files.size();
  return count;
}

// What is not there any more.
void PeerReceipts::prune(const std::string& folder, const Numbers& numbers) {
  std::erase_if(seen_[folder], [&](const auto& item) {
    StatementName name;
    if (!parse_statement_name(item.first, &name)) return true;
    const auto stream = numbers.find({name.node, name.stream});
    return stream == numbers.end() ||
           !std::binary_search(stream->second.begin(), stream->second.end(), name.number, std::greater<>());
  });
}

Status PeerReceipts::read(const std::string& folder, const std::string& us,
                          const std::vector<PinnedKey>& keys, const SentStream& sent,
                          const Accepted& accepted, const Refused& refused, const Limits& limits) {
  Directory directory;
  Status status = Directory::open(folder, &directory);
  if (!status.ok()) return status;
  Numbers numbers;
  status = list_numbers(directory, node_keys_of(keys), &numbers);
  prune(folder, numbers);
  partial_.erase(folder);
  std::map<std::string, Seen>& seen_here = seen_[folder];
  std::size_t reads_left = limits.reads;
  for (const auto& [stream, all] : numbers) {
    for (const std::uint64_t number : all) {
      if (reads_left == 0 || limits.stop()) {
        partial_.insert(folder);
        return status;
      }
      const std::string file = receipt_of(stream.first, stream.second, number);
      const std::string path = directory.path_of(file);
      // Its signature gets its name first, but a copy may come in any order.
      const FileStat signature = directory.stat_of(signature_of(file));
      if (signature.kind == FileKind::kMissing) continue;
      const FileStat text = directory.stat_of(file);
      const FileIdentity identity = text.identity;
      Seen& seen = seen_here[file];
      const bool is_seen = seen.identity == identity && seen.signature == signature.identity;
      if (is_seen && seen.counts) break;
      if (is_seen) continue;
      FoundReceipt found;
      Status read = read_receipt(directory, file, us, keys, sent, &found);
      // Whoever can write to the folder may put a link there to a file that this process alone can read, or
      // to a device.
      if (read.fault == Fault::kChanged)
        read = Status::invalid(path +
                               ": it, or its signature, is not a regular file: find out who put it there");
      // Trouble of the disk says nothing about the receipt: it is read again.
      if (read.fault == Fault::kEnvironment) {
        status = read;
        continue;
      }
      --reads_left;
      // Several senders may have one folder.
      const bool is_old = read.event == "old_stream" || read.event == "for_others";
      seen = {identity, signature.identity, read.ok() || is_old};
      if (is_old) break;
      if (read.event == "other_list")
        other_lists_[found.receipt.about] = {found.receipt.list, found.receipt.head.made};
      if (!read.ok()) {
        refused(path, read.message);
        continue;
      }
      const Key key{stream.first, stream.second, found.receipt.about};
      auto& newest = newest_[key];
      if (!newest.path.empty() && is_second_text(found, newest)) {
        newest_[{stream.first, second_of(stream.second), found.receipt.about}] = found;
        accepted(found);
        break;
      }
      const bool is_newer = newest.path.empty() || newest.receipt.head.number < number;
      if (is_newer) newest = found;
      if (is_newer) accepted(found);
      break;
    }
  }
  return status;
}

// A number of a stream has one text for ever.
bool PeerReceipts::is_second_text(const FoundReceipt& found, const FoundReceipt& known) {
  const StatementHead& one = found.receipt.head;
  const StatementHead& other = known.receipt.head;
  const bool is_second_text = one.number == other.number && found.digest != known.digest;
  const auto beside = newest_.find({one.from, second_of(one.stream), found.receipt.about});
  const bool follows_second = beside != newest_.end() && beside->second.digest == one.previous;
  const bool follows_another =
      one.number == other.number + 1 && one.previous != known.digest && !follows_second;
  if (!is_second_text && !follows_another) return false;
  forks_.push_back({.path = found.path,
                    .node = one.from,
                    .why = one.from + " has signed two texts for receipt " + std::to_string(other.number) +
                           " of stream " + one.stream +
                           (follows_another ? ": this one follows" : ": this is") + " another one than " +
                           (known.path == found.path ? "was here before" : known.path) +
                           ", so its state was put back from a backup, or two receivers run with it",
                    .of = {one.from, one.stream, found.receipt.about},
                    .number = one.number});
  return is_second_text;
}

std::vector<PeerReceipts::Fork> PeerReceipts::take_forks() {
  std::vector<Fork> forks = std::exchange(forks_, {});
  std::erase_if(forks, [&](const Fork& each) {
    const auto newest = newest_.find(each.of);
    return newest != newest_.end() && newest->second.receipt.head.number > each.number;
  });
  return forks;
}

std::optional<OutcomeRange> PeerReceipts::outcome_of(const std::string& node, const std::string& stream,
                                                     std::uint64_t entry) const {
  std::optional<OutcomeRange> outcome;
  for (const auto& [key, found] : newest_) {
    if (std::get<0>(key) != node || std::get<2>(key) != stream) continue;
    const std::vector<OutcomeRange>& ranges = found.receipt.outcomes;
    const auto range =
        std::lower_bound(ranges.begin(), ranges.end(), entry,
                         [](const OutcomeRange& each, std::uint64_t number) { return each.last < number; });
    if (range == ranges.end() || range->first > entry) continue;
    if (!outcome || range->outcome == Outcome::kDelivered) outcome = *range;
  }
  return outcome;
}

}  // namespace paxect::link
