// A salvage from beginning to end: takes what a repair of the copies proves, or else scans the copies, makes
// a plan, writes the data that was found and reports what is missing. One thread at a time. Memory: at most
// some 250 bytes for each frame of each copy, two windows for each copy, and one frame at a time; of a
// protected container also what HealedCopy takes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "callbacks.h"
#include "digest.h"
#include "memory.h"
#include "parameters.h"
#include "salvage/copy_input.h"
#include "salvage/healed_copy.h"
#include "salvage/merge.h"
#include "salvage/record_claims.h"
#include "salvage/repaired_container.h"
#include "salvage/scanner.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

// Data that is lost, or that was written but is not confirmed. Offsets in the data.
struct SalvageRange {
  static constexpr std::uint64_t kOpen = UINT64_MAX;
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // kOpen: unknown
  std::uint64_t frames = 0;
  bool lost = true;   // else unconfirmed
  bool exact = true;  // else start and end are estimates
};

struct SalvageInput : CopyInput {
  bool used = true;  // else it is of another container, or nothing in it is of this one
};

struct SalvageReport {
  Layout layout;
  std::int32_t header_input = -1;  // whose header agrees with the frames
  std::int32_t footer_input = -1;  // whose footer was used
  std::uint64_t size = 0;          // of the data
  bool size_known = false;         // else an estimate
  std::uint64_t frames = 0;        // of data
  std::uint64_t confirmed = 0;
  std::uint64_t unconfirmed = 0;
  std::uint64_t lost = 0;
  std::uint64_t lost_bytes = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t over_limit = 0;  // frames not read because they are larger than the caller allows
  bool search_limited = false;
  bool contested = false;     // something else has the same claim to be the container: nothing is proven
  std::uint64_t foreign = 0;  // frames set aside, in the copies used
  std::uint64_t foreign_offset = 0;  // of the first of them
  std::int32_t foreign_input = -1;   // the copy that it is in
  bool agrees = false;               // the SHA-256 is that of a footer
  std::size_t damaged_digest = 0;    // bytes of a footer's SHA-256, when enough of the others agree
  bool proven = false;               // and that footer is the one of the container that was looked for
  Digest digest{};                   // of what was written
  std::vector<SalvageRange> ranges;
};

class Salvager {
 public:
  explicit Salvager(const Allocator& allocator) : allocator_(allocator) {}

  // Clears the results of earlier runs.
  void clear() noexcept;
  // Forgets the inputs too.
  void reset() noexcept;
  // Adds a copy; the descriptor stays the caller's. Errors: READ when it is not a file that can be read at
  // any offset, ARGUMENT when there are too many.
  Status add(int fd, const std::string& name);
  // Searches the copies and makes the plan. Errors: SEQUENCE (no inputs), NOTHING, READ, MEMORY, CANCELLED.
  Status find(const Parameters& parameters, const Callbacks& callbacks);
  // Requires: find returned OK. Writes the data to the sink of `callbacks`. OK when it is complete and
  // proven; PARTIAL when it is not, with all data found written; else READ, SINK, MEMORY, CANCELLED.
  Status write(const Callbacks& callbacks);

  const std::vector<SalvageInput>& inputs() const { return inputs_; }
  // One for each of the inputs of the last run.
  std::span<const CopyIndex> copies() const { return std::span(copies_).first(given_); }
  const SalvageReport& report() const { return report_; }
  // Frames of the copies that the plan has, those included that can take the place of another one.
  std::size_t choices() const { return plan_.choices.size(); }
  // Bytes read, decompressed and hashed, and what other steps cost in terms of these.
  std::uint64_t work() const {
    return meter_.total() + (healed_ ? healed_->work() : 0) + (repaired_ ? repaired_->work() : 0);
  }

 private:
  Status scan(std::vector<Layout>& layouts);
  Status scan_one(std::size_t copy, std::vector<Layout>& layouts);
  Status repair(const Belonging& belonging, std::uint64_t max_frame);
  std::vector<bool> not_of_others(const std::vector<bool>& used);
  Status find_proven_copy(const std::vector<bool>& used);
  void add_substitutes(const std::vector<bool>& used);
  void summarize_repaired();
  Status write_repaired();
  Status heal(std::vector<Layout>& layouts, std::vector<bool>& used);
  bool may_be_protected();
  bool may_be_protected(std::size_t copy);
  bool has_whole_copy(const std::vector<bool>& used);
  bool is_all_confirmed(const CopyIndex& copy);
  void summarize();
  Status write_slot(std::size_t& choice, bool placed, bool& written);
  Status write_frame(const Choice& choice, std::span<const std::uint8_t> data);
  Status write_gap(std::uint64_t offset, std::uint64_t slot, bool exact);
  Status emit(const std::uint8_t* data, std::uint64_t size);
  Status settle_disputes(Likenesses& likenesses);
  Status compare_records(Likenesses& likenesses);
  Status prove_alone(std::size_t copy, bool& proven);
  bool begins(std::size_t copy);
  bool contributes(std::size_t copy);
  void compare_digest(std::size_t copy);
  Status conclude();
  void note(SalvageRange range);
  std::string partial_message() const;
  std::string contested_message() const;
  static std::string different_message();
  static std::string surrounded_message();
  std::string nothing_message() const;
  Status named(Status status, std::size_t copy) const;
  bool is_healed(std::size_t copy) const { return copy == given_; }
  // The input that a copy is of.
  std::size_t owner(std::size_t copy) const { return is_healed(copy) ? healed_->base() : copy; }

  Allocator allocator_;
  Callbacks callbacks_;
  bool skip_lost_ = false;
  bool all_placed_ = true;      // of the frames written, the place is certain
  bool copies_differ_ = false;  // the copies are of different containers, none of which more copies have
  std::vector<SalvageInput> inputs_;
  std::vector<CopyReader> readers_;
  std::vector<CopyIndex> copies_;                // of the inputs, and then of healed_ if its frames are used
  std::size_t given_ = 0;                        // the former
  std::uint64_t capacity_ = 0;                   // max bytes of data that the inputs can have held
  std::optional<std::size_t> proven_copy_;       // a container and nothing else, proven by its own footer
  std::unique_ptr<RepairedContainer> repaired_;  // if it is what is written; then there is no plan
  bool is_protected_ = false;                    // perhaps
  std::vector<RecordClaim> claims_;              // of the inputs, if there are several
  std::unique_ptr<HealedCopy> healed_;
  std::unique_ptr<Scanner> scanner_;
  Plan plan_;
  SalvageReport report_;
  Status emitted_;  // of write_repaired()
  Sha256 digest_;
  WorkMeter meter_;
  std::uint64_t position_ = 0;  // in the data: what lies before was written, or noted as lost
  std::uint64_t slot_ = 0;      // that the data at position_ has
};

}  // namespace paxect::core
