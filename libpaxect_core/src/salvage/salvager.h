// The whole of a salvage: scans the copies, plans, writes what there is and says what is missing. One thread
// at a time. Memory: at most some 250 bytes for each frame of each copy, two windows for each copy, and
// one frame at a time.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "callbacks.h"
#include "digest.h"
#include "memory.h"
#include "parameters.h"
#include "salvage/merge.h"
#include "salvage/scanner.h"
#include "status.h"

namespace paxect::core {

// Data that is missing, or that is there but not confirmed. Offsets in the data.
struct SalvageRange {
  static constexpr std::uint64_t kOpen = UINT64_MAX;
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // kOpen: not known
  std::uint64_t frames = 0;
  bool lost = true;   // else unconfirmed
  bool exact = true;  // else start and end are estimates
};

struct SalvageInput {
  int fd = -1;
  std::string name;
  struct stat identity {};
  std::uint64_t size = 0;
  bool used = true;  // else it belongs to another container
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
  bool proven = false;  // by the SHA-256
  Digest digest{};      // of what was written
  std::vector<SalvageRange> ranges;
};

class Salvager {
 public:
  explicit Salvager(const Allocator& allocator) : allocator_(allocator) {}

  // Clears the results of earlier runs.
  void clear() noexcept;
  // Forgets the inputs too.
  void reset() noexcept;
  // A copy; the descriptor stays the caller's. Errors: READ when it is no file to read back and forth in,
  // ARGUMENT when there are too many.
  Status add(int fd, const std::string& name);
  // Finds out what there is. Errors: SEQUENCE (no inputs), NOTHING, READ, MEMORY, CANCELLED.
  Status find(const Parameters& parameters, const Callbacks& callbacks);
  // After find: writes it to the sink of `callbacks`. OK when the data is whole and proven; PARTIAL when not,
  // with all there is written; else READ, SINK, MEMORY, CANCELLED.
  Status write(const Callbacks& callbacks);

  const std::vector<SalvageInput>& inputs() const { return inputs_; }
  const std::vector<CopyIndex>& copies() const { return copies_; }
  const SalvageReport& report() const { return report_; }
  const ScanWork& work() const { return scanner_->work(); }

 private:
  Status scan();
  void summarize();
  Status write_frame(const Choice& choice);
  Status write_gap(std::uint64_t from, std::uint64_t to, bool exact);
  Status emit(const std::uint8_t* data, std::uint64_t size);
  Status conclude();
  void note(SalvageRange range);
  std::uint64_t offset_of(std::uint64_t slot) const;
  Status named(Status status, std::size_t input) const;

  Allocator allocator_;
  Callbacks callbacks_;
  bool skip_lost_ = false;
  std::vector<SalvageInput> inputs_;
  std::vector<CopyReader> readers_;
  std::vector<CopyIndex> copies_;
  std::unique_ptr<Scanner> scanner_;
  Plan plan_;
  SalvageReport report_;
  Sha256 digest_;
  std::uint64_t bytes_in_ = 0;
};

}  // namespace paxect::core
