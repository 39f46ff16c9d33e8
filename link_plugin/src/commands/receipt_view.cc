#include "commands/receipt_view.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/place.h"
#include "base/relay_paths.h"
#include "proof/statement_name.h"
#include "records/journal.h"
#include "relay/kept_sources.h"

namespace paxect::link {

std::string outcome_text(const OutcomeRange& outcome) {
  for (const auto& [name, each] : kOutcomeNames)
    if (each == outcome.outcome)
      return name + (outcome.reason.empty() ? std::string() : " " + outcome.reason);
  return "";
}

Status read_receipt_view(ReceiptView* out) {
  const LinkConfig& config = out->context.config;
  Status status = read_journal(journal_of(config.state), &out->journal);
  if (status.ok()) status = read_pinned_keys(KeyFolder(config), &out->keys);
  for (const std::string& folder : receipt_places_of(config.state, config.receipts_in)) {
    if (folder.empty() || !status.ok()) continue;
    if (folder != config.receipts_in && is_absent(folder)) continue;
    status = check_receipts_in(folder);
    if (!status.ok()) continue;
    status = out->receipts.read(
        folder, config.node, out->keys, out->journal.sent, [](const FoundReceipt&) {},
        [&](const std::string&, const std::string& why) { out->refused.push_back(why); }, {});
  }
  for (const PeerReceipts::Fork& fork : out->receipts.take_forks())
    out->forked.push_back(fork.path + ": " + fork.why);
  return status;
}

paxect_plugin_status open_receipts(const Call& call, ReceiptView* out) {
  if (paxect_plugin_status status = open_context(call, &out->context); status != PAXECT_PLUGIN_OK)
    return status;
  const LinkConfig& config = out->context.config;
  if (config.mode != Mode::kSend)
    return call.fail(PAXECT_PLUGIN_CONFIG, "this relay is in mode " + std::string(name_of(config.mode)) +
                                               ": lists and receipts are about what mode send sent");
  const Status status = read_receipt_view(out);
  return status.ok() ? PAXECT_PLUGIN_OK : call.fail(PAXECT_PLUGIN_CONFIG, status.message);
}

std::vector<std::string> receipt_folders_of(const LinkConfig& config) {
  if (!config.receipts.empty()) return {config.receipts};
  return {join(config.inbox, kProofFolder), imported_receipts_of(config.state)};
}

Status check_receipts_in(const std::string& folder) {
  Directory directory;
  Status status = Directory::open(folder, &directory);
  if (!status.ok())
    status.message +=
        ": nothing is known of the receipts in it: mount or make it, let this user read it, or correct the "
        "setting that names it";
  return status;
}

Status first_to_deliver(const std::string& folder, const std::string& node, const std::string& about,
                        std::uint64_t entry, const ReadReceipt& read, std::optional<Receipt>* found_first) {
  std::optional<Receipt>& first = *found_first;
  first.reset();
  Directory directory;
  Status status = check_receipts_in(folder);
  if (status.ok()) status = Directory::open(folder, &directory);
  if (!status.ok()) return status;
  std::map<std::string, std::vector<std::uint64_t>> streams;
  status = directory.list([&](const char* text) {
    StatementName name;
    if (parse_statement_name(text, &name) && name.kind == StatementKind::kReceipt && !name.is_signature &&
        name.node == node)
      streams[name.stream].push_back(name.number);
    return true;
  });
  for (auto& [stream, numbers] : streams) {
    std::sort(numbers.begin(), numbers.end());
    const auto delivers = [&, &name = stream](std::uint64_t number, Receipt* out) {
      return read(directory, receipt_of(node, name, number), out) && out->about == about &&
             std::any_of(out->outcomes.begin(), out->outcomes.end(), [&](const OutcomeRange& range) {
               return range.outcome == Outcome::kDelivered && range.first <= entry && entry <= range.last;
             });
    };
    const auto found = std::partition_point(numbers.begin(), numbers.end(), [&](std::uint64_t number) {
      Receipt ignored;
      return !delivers(number, &ignored);
    });
    Receipt receipt;
    if (found == numbers.end() || !delivers(*found, &receipt)) continue;
    if (!first || receipt.head.made < first->head.made) first = std::move(receipt);
  }
  return status;
}

std::optional<Receipt> first_to_deliver(const ReceiptView& view, const std::string& node,
                                        const std::string& about, std::uint64_t entry) {
  const LinkConfig& config = view.context.config;
  // One that cannot be compared with our lists any more is good for its date: the newest one counts.
  const SentStream nothing;
  const auto read = [&](const Directory& folder, const std::string& file, Receipt* out) {
    FoundReceipt found;
    if (!read_receipt(folder, file, config.node, view.keys, nothing, &found).ok()) return false;
    *out = std::move(found.receipt);
    return true;
  };
  std::optional<Receipt> first;
  for (const std::string& folder : receipt_places_of(config.state, config.receipts_in)) {
    // Those that can be read: the view was made with all of them.
    std::optional<Receipt> found;
    const bool is_there = !folder.empty() && !is_absent(folder);
    if (is_there) std::ignore = first_to_deliver(folder, node, about, entry, read, &found);
    if (found && (!first || found->head.made < first->head.made)) first = std::move(found);
  }
  return first;
}

}  // namespace paxect::link
