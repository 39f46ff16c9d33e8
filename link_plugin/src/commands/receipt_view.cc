#include "commands/receipt_view.h"

#include "base/relay_paths.h"
#include "records/journal.h"
#include "relay/kept_sources.h"

namespace paxect::link {

std::string outcome_text(const OutcomeRange& outcome) {
  for (const auto& [name, each] : kOutcomeNames)
    if (each == outcome.outcome)
      return name + (outcome.reason.empty() ? std::string() : " " + outcome.reason);
  return "";
}

paxect_plugin_status open_receipts(const Call& call, ReceiptView* out) {
  if (paxect_plugin_status status = open_context(call, &out->context); status != PAXECT_PLUGIN_OK)
    return status;
  const LinkConfig& config = out->context.config;
  if (config.mode != Mode::kSend)
    return call.fail(PAXECT_PLUGIN_CONFIG, "this relay is in mode " + std::string(name_of(config.mode)) +
                                               ": lists and receipts are about what mode send sent");
  Status status = read_journal(journal_of(config.state), &out->journal);
  if (status.ok()) status = read_pinned_keys(config.peers, &out->keys);
  const SentLast last = last_list_of(out->journal.sent);
  for (const std::string& folder : {imported_receipts_of(config.state), config.receipts_in}) {
    if (folder.empty() || !status.ok()) continue;
    FileIdentity ignored;
    if (folder != config.receipts_in && !identity_of(folder, &ignored)) continue;
    status = out->receipts.read(
        folder, config.node, out->keys, last, [](const FoundReceipt&) {},
        [&](const std::string&, const std::string& why) { out->refused.push_back(why); });
  }
  return status.ok() ? PAXECT_PLUGIN_OK : call.fail(PAXECT_PLUGIN_CONFIG, status.message);
}

}  // namespace paxect::link
