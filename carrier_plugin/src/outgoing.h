// A file that a sender has in hand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "digest.h"
#include "folder.h"
#include "messages.h"
#include "names.h"
#include "unclaimed.h"
#include "unique_fd.h"

namespace paxect::carrier {

inline constexpr std::uint64_t kMessageOverhead = 256;  // of a chunk in its stream
inline constexpr std::uint64_t kCleanUpAfter = std::uint64_t{600} * 1'000'000'000;  // of claims and receipts
inline constexpr char kNoSidecar[] = "no sidecar";

enum class Phase {
  kChecking,    // whether the server has it, or its receipt, from an earlier run
  kSending,     // its chunks
  kPublishing,  // its job, or its list message
  kWaiting,     // for a receipt
  kHeld,        // until held_until_ns
  kDelivered    // it has its receipt, and cannot be removed
};

struct Outgoing {
  Job job;
  FileKind kind = FileKind::kOther;
  FileIdentity identity;
  FileIdentity sidecar_identity;
  Phase phase = Phase::kSending;
  std::uint64_t next_chunk = 0;
  std::uint64_t stored_chunks = 0;
  std::deque<std::uint64_t> again;  // chunks to publish once more
  std::vector<bool> present;        // chunks that the server had when the round began
  bool is_present_known = true;     // else it is asked before anything is published
  bool is_asked = false;            // for that
  bool is_full = false;             // it waits for room in the stream
  std::uint64_t in_flight = 0;      // chunks that are not acknowledged
  std::uint64_t round = 0;  // changes with each start from chunk 0: replies of another round do not count
  std::uint64_t job_sequence = 0;  // of the job in its stream; 0: not known
  // What the stored job says, about which receivers ask when it is of another store or was published before.
  std::string stored_epoch{};  // empty: not known
  bool is_stored_repeated = false;
  unsigned attempts = 0;
  std::uint64_t since_ns = 0;
  std::uint64_t checked_ns = 0;
  std::uint64_t held_until_ns = 0;
  std::string holder;       // the receiver that has claimed it
  Unclaimed unclaimed;      // while there is none
  std::string claim_epoch;  // of the store in which that claim was read; empty: it was only seen
  bool is_claim_to_be_read = false;
  unsigned claim_misses = 0;                    // how often it was not there any more
  std::set<std::string> had_by;                 // the receivers that have a list
  std::map<std::string, std::string> refusals;  // what those report that cannot take it, by receiver
  std::uint64_t lacked_since_ns = 0;            // a receiver that is there lacks the list; 0: none does
  std::uint64_t offer_pause_ns = std::uint64_t{60} * 1'000'000'000;  // until it is published again for it
  std::string trouble;                                               // why it is not delivered

  // Bytes that the server has.
  std::uint64_t stored_bytes() const {
    const bool is_stored = phase == Phase::kWaiting || phase == Phase::kPublishing;
    return is_stored ? job.size : std::min(job.size, stored_chunks * kChunkSize);
  }
  bool is_statement() const { return kind == FileKind::kStatement && job.size <= kChunkSize; }
};

// A file whose digest is being computed, a part at each step.
struct Preparing {
  Outgoing file;
  UniqueFd fd;
  Digest digest;
  std::uint64_t read = 0;
};

}  // namespace paxect::carrier
