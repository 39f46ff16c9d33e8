// What the commands of a sender read: its journal, and the receipts about its lists.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "commands/relay_context.h"
#include "stages/peer_receipts.h"

namespace paxect::link {

struct ReceiptView {
  RelayContext context;
  JournalContents journal;
  std::vector<PinnedKey> keys;
  PeerReceipts receipts;
  std::vector<std::string> refused;  // receipts that do not count, and why
};

// PAXECT_PLUGIN_OK, or a failure that was reported.
paxect_plugin_status open_receipts(const Call& call, ReceiptView* out);

inline constexpr std::pair<const char*, Outcome> kOutcomeNames[] = {{"delivered", Outcome::kDelivered},
                                                                    {"expected", Outcome::kExpected},
                                                                    {"missing", Outcome::kMissing},
                                                                    {"refused", Outcome::kRefused}};
// "refused checksum_mismatch".
std::string outcome_text(const OutcomeRange& outcome);

}  // namespace paxect::link
