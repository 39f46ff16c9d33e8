#include "commands/list_trail.h"

#include <charconv>
#include <tuple>

#include "base/clock.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "commands/receipt_view.h"
#include "proof/statement.h"
#include "records/signed_file.h"

namespace paxect::link {
namespace {

// Calls back with each id of "12-40 43", in their order, until it returns false.
template <class Each>
void each_id(std::string_view text, const Each& each) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    std::uint64_t first = 0;
    const char* after = std::from_chars(at, end, first).ptr;
    if (after == at) return;
    std::uint64_t last = first;
    if (after < end && *after == '-') after = std::from_chars(after + 1, end, last).ptr;
    if (last < first || last - first >= kMaxListEntries) return;
    for (std::uint64_t id = first; id <= last; ++id)
      if (!each(id)) return;
    at = after < end && *after == ' ' ? after + 1 : end;
  }
}

EntryReceipt entry_receipt(const std::string& node, const Receipt& receipt, const std::string& outcome) {
  return {.node = node,
          .outcome = outcome,
          .receipt = receipt.head.number,
          .made_utc = utc_text(receipt.head.made * static_cast<std::int64_t>(kSecond))};
}

Status at_sender(const RelayContext& context, const ListedEntry& listed, std::vector<EntryReceipt>* all) {
  ReceiptView view;
  view.context = context;
  if (Status status = read_receipt_view(&view); !status.ok()) return status;
  std::set<std::string> nodes(context.config.to.begin(), context.config.to.end());
  for (const auto& [key, found] : view.receipts.newest())
    if (std::get<2>(key) == listed.stream) nodes.insert(std::get<0>(key));
  for (const std::string& node : nodes) {
    const auto outcome = view.receipts.outcome_of(node, listed.stream, listed.entry);
    EntryReceipt said{.node = node, .outcome = outcome ? outcome_text(*outcome) : ""};
    if (outcome && outcome->outcome == Outcome::kDelivered)
      if (const auto first = first_to_deliver(view, node, listed.stream, listed.entry))
        said = entry_receipt(node, *first, said.outcome);
    all->push_back(std::move(said));
  }
  return Status::success();
}

Status at_receiver(const RelayContext& context, const ListedEntry& listed, std::vector<EntryReceipt>* all) {
  const LinkConfig& config = context.config;
  if (config.receipts.empty()) {
    JournalContents journal;
    Status status = read_journal(journal_of(config.state), &journal);
    if (status.ok()) status = check_inbox(config, journal.places);
    if (!status.ok()) return status;
  }
  const auto& key = config.sign_key.key();
  const auto read = [&](const Directory& folder, const std::string& file, Receipt* out) {
    std::string text;
    const Status status = key ? read_signed(folder, file, {key->public_key()}, &text)
                              : folder.read_small(file, kMaxStatementSize, &text);
    return status.ok() && parse_receipt(text, out).ok();
  };
  for (const std::string& folder : receipt_folders_of(config)) {
    std::optional<Receipt> first;
    if (is_absent(folder)) continue;
    if (Status status = first_to_deliver(folder, config.node, listed.stream, listed.entry, read, &first);
        !status.ok())
      return status;
    if (!first) continue;
    *all = {entry_receipt(config.node, *first, "delivered")};
    return Status::success();
  }
  if (key) *all = {{.node = config.node, .outcome = ""}};
  return Status::success();
}

}  // namespace

void ListTrail::take(const LogLine& line, bool is_of_file) {
  if (is_of_file && (line.is_transfer() || line.event == "duplicate")) {
    const std::size_t blank = line.list.find(' ');
    std::uint64_t number = 0;
    if (blank != std::string::npos &&
        parse_number(std::string_view(line.list).substr(blank + 1), 1, INT64_MAX, &number))
      found_ = ListedEntry{line.sender, line.list.substr(0, blank), number, line.entry, line.datetime_utc};
    else if (line.id > 0)
      deliveries_.emplace(line.relay, line.id);
    return;
  }
  if (line.event != "list" || deliveries_.empty()) return;
  std::uint64_t entry = line.first;
  each_id(line.ids, [&](std::uint64_t id) {
    const bool is_it = deliveries_.contains({line.relay, id});
    if (is_it) found_ = ListedEntry{node_, line.stream, line.number, entry, line.datetime_utc};
    ++entry;
    return !is_it;
  });
}

Status receipts_about(const RelayContext& context, const ListedEntry& listed,
                      std::vector<EntryReceipt>* out) {
  out->clear();
  if (context.config.mode == Mode::kSend) return at_sender(context, listed, out);
  return context.config.mode == Mode::kReceive ? at_receiver(context, listed, out) : Status::success();
}

}  // namespace paxect::link
