// What the commands of a sender read: its journal, and the receipts about its lists.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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
  std::vector<std::string> forked;   // those of receivers whose state exists twice
};

// Reads the journal, the keys and the receipts of a sender, by out->context.
Status read_receipt_view(ReceiptView* out);
// The same for a command. PAXECT_PLUGIN_OK, or a failure that was reported.
paxect_plugin_status open_receipts(const Call& call, ReceiptView* out);

// Where a receiver writes its receipts.
std::vector<std::string> receipt_folders_of(const LinkConfig& config);
// Whether the folder can be read; the failure has the remedy.
Status check_receipts_in(const std::string& folder);
// The first receipt of the node in the folder, in its stream, that says that the entry of the stream `about`
// was delivered, by those that `read` takes. Receipts are cumulative: few of them are read.
using ReadReceipt = std::function<bool(const Directory& folder, const std::string& file, Receipt* out)>;
Status first_to_deliver(const std::string& folder, const std::string& node, const std::string& about,
                        std::uint64_t entry, const ReadReceipt& read, std::optional<Receipt>* found_first);
// The same of a peer, by the receipts that count.
std::optional<Receipt> first_to_deliver(const ReceiptView& view, const std::string& node,
                                        const std::string& about, std::uint64_t entry);

inline constexpr std::pair<const char*, Outcome> kOutcomeNames[] = {{"delivered", Outcome::kDelivered},
                                                                    {"expected", Outcome::kExpected},
                                                                    {"missing", Outcome::kMissing},
                                                                    {"refused", Outcome::kRefused}};
// "refused checksum_mismatch".
std::string outcome_text(const OutcomeRange& outcome);

}  // namespace paxect::link
