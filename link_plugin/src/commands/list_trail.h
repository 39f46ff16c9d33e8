// By which list a file went or came, and who has receipted it, for `explain`: from the audit log, and from
// the receipts as far as they are still in their folders.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "commands/log_reader.h"
#include "commands/relay_context.h"

namespace paxect::link {

// The entry of a list.
struct ListedEntry {
  std::string sender;
  std::string stream;
  std::uint64_t list = 0;
  std::uint64_t entry = 0;
  std::string listed_utc;  // at the sender: when the list was made; at the receiver: of the delivery
};

// Follows the deliveries of a file to their list.
class ListTrail {
 public:
  explicit ListTrail(std::string node) : node_(std::move(node)) {}
  // Each line of the log, in their order; `is_of_file` for those that are about the file.
  void take(const LogLine& line, bool is_of_file);
  // The last one.
  const std::optional<ListedEntry>& found() const { return found_; }

 private:
  std::string node_;
  std::set<std::pair<std::string, std::uint64_t>> deliveries_;  // relay and id
  std::optional<ListedEntry> found_;
};

// What one receiver says of the entry.
struct EntryReceipt {
  std::string node;
  std::string outcome;        // as in the receipt; "" for one that has said nothing of it
  std::uint64_t receipt = 0;  // the number; of a delivery the first that says so and is still there
  std::string made_utc = {};
};

// At the sender of each receiver that is named or has said something; at the receiver its own receipts.
// A failure, with the remedy, where they cannot be read: then nothing is known of them.
Status receipts_about(const RelayContext& context, const ListedEntry& listed, std::vector<EntryReceipt>* out);

}  // namespace paxect::link
