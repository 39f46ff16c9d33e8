#include "stages/peer_receipts.h"

#include <algorithm>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/statement_name.h"

namespace paxect::link {
namespace {

// The keys of a node that are valid.
std::vector<PublicKey> keys_of(const std::string& node, const std::vector<PinnedKey>& keys) {
  std::vector<PublicKey> found;
  for (const PinnedKey& pinned : keys)
    if (pinned.node == node && !pinned.is_revoked && pinned.problem.empty()) found.push_back(pinned.key);
  return found;
}

// Which of a receipt's claims about our lists cannot be true, "" when all may be.
std::string contradiction(const Receipt& receipt, const SentLast& last) {
  if (receipt.about != last.stream) return "";
  const std::string list = "list " + std::to_string(receipt.list) + " of stream " + receipt.about;
  if (receipt.list > last.number)
    return "it is about " + list + ", and this node made no more than " + std::to_string(last.number) +
           ": the journal may be an older one";
  if (receipt.list == last.number && receipt.list_digest != last.digest)
    return "it is about another " + list + " than the one that this node made";
  return "";
}

}  // namespace

Status read_request(const std::string& path, const std::string& us, const std::vector<PinnedKey>& keys,
                    const SentLast& last, FoundReceipt* out) {
  auto refuse = [&](const std::string& why) { return Status::invalid(path + ": " + why); };
  std::string text;
  std::string signature;
  Receipt receipt;
  if (Status status = read_file(path, kMaxStatementSize, &text); !status.ok()) return status;
  if (Status status = read_file(signature_of(path), kMaxStatementSize, &signature); !status.ok())
    return status;
  if (Status status = parse_receipt(text, &receipt); !status.ok()) return refuse(status.message);
  const std::string& node = receipt.head.from;
  const std::vector<PublicKey> valid = keys_of(node, keys);
  if (valid.empty())
    return refuse("no key of " + node + " is pinned: run paxect link key pin " + node + " FILE");
  if (Status status = verify_file(text, signature, base_name(path), valid); !status.ok())
    return refuse(status.message);
  if (receipt.head.to.front() != us)
    return refuse("it is for " + receipt.head.to.front() + ", and this node is " + us);
  if (const std::string problem = contradiction(receipt, last); !problem.empty()) return refuse(problem);
  *out = {.path = path, .digest = sha256_hex(text), .receipt = std::move(receipt)};
  return Status::success();
}

Status read_receipt(const std::string& path, const std::string& us, const std::vector<PinnedKey>& keys,
                    const SentLast& last, FoundReceipt* out) {
  StatementName name;
  if (!parse_statement_name(base_name(path), &name) || name.kind != StatementKind::kReceipt ||
      name.is_signature)
    return Status::invalid(path + ": the name is not NODE.STREAM.NUMBER.receipt");
  if (Status status = read_request(path, us, keys, last, out); !status.ok()) return status;
  const StatementHead& head = out->receipt.head;
  if (head.from != name.node || head.stream != name.stream || head.number != name.number)
    return Status::invalid(path + ": its head has another node, stream or number than its name");
  return Status::success();
}

Status PeerReceipts::read(const std::string& folder, const std::string& us,
                          const std::vector<PinnedKey>& keys, const SentLast& last, const Accepted& accepted,
                          const Refused& refused) {
  Directory directory;
  Status status = Directory::open(folder, &directory);
  if (!status.ok()) return status;
  // Of each stream the highest number first: the ones before say nothing more.
  std::map<std::pair<std::string, std::string>, std::vector<std::uint64_t>> numbers;
  status = directory.list([&](const char* text) {
    StatementName name;
    if (parse_statement_name(text, &name) && name.kind == StatementKind::kReceipt && !name.is_signature)
      numbers[{name.node, name.stream}].push_back(name.number);
    return true;
  });
  for (auto& [stream, all] : numbers) {
    std::sort(all.rbegin(), all.rend());
    for (const std::uint64_t number : all) {
      const std::string file = receipt_of(stream.first, stream.second, number);
      const std::string path = directory.path_of(file);
      // Its signature gets its name first, but a copy may come in any order.
      if (directory.stat_of(signature_of(file)).kind == FileKind::kMissing) continue;
      const FileIdentity identity = directory.stat_of(file).identity;
      Seen& seen = seen_[path];
      if (seen.identity == identity && seen.counts) break;
      if (seen.identity == identity) continue;
      FoundReceipt found;
      const Status read = read_receipt(path, us, keys, last, &found);
      seen = {identity, read.ok()};
      if (!read.ok()) {
        refused(path, read.message);
        continue;
      }
      const Key key{stream.first, stream.second, found.receipt.about};
      auto& newest = newest_[key];
      const bool is_newer = newest.path.empty() || newest.receipt.head.number < number;
      if (is_newer) newest = found;
      if (is_newer) accepted(found);
      break;
    }
  }
  return status;
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
