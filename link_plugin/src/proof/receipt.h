// A receipt: what became of each entry of one sender's stream. It is cumulative: the newest one of a stream
// says all that the ones before said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proof/statement.h"

namespace paxect::link {

enum class Outcome {
  kDelivered,  // the file and its audit line are durable
  kExpected,   // listed, and not here yet
  kMissing,    // not here, and late; or no list that came has the number
  kRefused     // here, and not delivered: quarantined
};

// Successive entries with one outcome.
struct OutcomeRange {
  Outcome outcome = Outcome::kExpected;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string reason = {};  // of kRefused: lower-case letters and '_', an event of the audit log

  bool operator==(const OutcomeRange&) const = default;
};

// A list by its number and SHA-256, which by its chain covers every list before it.
struct ListDigest {
  std::uint64_t number = 0;
  std::string digest;

  bool operator==(const ListDigest&) const = default;
};

struct Receipt {
  StatementHead head;                   // `to` is the sender alone
  std::string about;                    // the sender's stream
  std::vector<ListDigest> before = {};  // of the lists before each gap, ascending
  // The highest number of a list of that stream that was verified, and its SHA-256; 0 and "" when none was:
  // then there are no outcomes.
  std::uint64_t list = 0;
  std::string list_digest;
  std::vector<OutcomeRange> outcomes;  // of the entries 1, 2, 3 ... in this order, none left out

  bool operator==(const Receipt&) const = default;
};

inline constexpr std::size_t kMaxListsInReceipt = 4096;

Status parse_receipt(std::string_view text, Receipt* out);
std::string receipt_text(const Receipt& receipt);

}  // namespace paxect::link
