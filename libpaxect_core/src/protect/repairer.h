// Repairs a container from its damaged copies: scans them for the records of protection, restores each
// window, makes the extension frames again, and decodes what it writes to prove it. One thread at a time;
// windows are restored and frames decompressed by worker threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "callbacks.h"
#include "decoder.h"
#include "memory.h"
#include "parameters.h"
#include "protect/origin.h"
#include "protect/protection_map.h"
#include "protect/repair_copy.h"
#include "protect/repaired_window.h"
#include "protect/window_queue.h"
#include "salvage/copy_input.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

struct RepairReport {
  unsigned percent = 0;    // 0: no protection was found
  std::uint64_t size = 0;  // of the container
  std::uint64_t windows = 0;
  std::uint64_t cells = 0;         // of data and parity
  std::uint64_t damaged = 0;       // of these, those that no copy has
  std::uint64_t damaged_data = 0;  // of these, those of data
  std::uint64_t lacking = 0;       // cells that the parity cannot restore
  unsigned spare = 0;              // parity cells that the worst code word has left
  unsigned parity = 0;             // cells that it had
  bool proven = false;
  std::uint32_t reason = 0;  // PAXECT_REPAIR_*, of a failure
  Footer footer;
  std::vector<WindowDamage> damages;  // of the windows that lack something in every copy
};

class Repairer {
 public:
  enum class Output { kContainer, kData };
  // Whether a copy has to show the beginning or the end of the container. Without either, all copies may be
  // parts of another container that has this one in its data.
  enum class Origin { kShown, kAny };

  explicit Repairer(const Allocator& allocator)
      : allocator_(allocator), decoder_(allocator), windows_(allocator) {}

  // Drops all work in progress. Afterwards no worker uses the copies.
  void abandon() noexcept;
  // Clears the results of earlier runs.
  void clear() noexcept;
  // Forgets the inputs too.
  void reset() noexcept;
  // Errors: those of open_copy.
  Status add(int fd, const std::string& name);
  // Writes the container, or the data in it, to the sink of `callbacks`; without a sink, only finds out
  // whether it could. OK: it is complete and proven by the SHA-256. Errors: SEQUENCE (no inputs),
  // NO_PROTECTION, DAMAGED, READ, MEMORY, SINK, CANCELLED.
  Status run(const Parameters& parameters, const Callbacks& callbacks, Output output = Output::kContainer,
             Origin origin = Origin::kShown);

  const std::vector<CopyInput>& inputs() const { return inputs_; }
  const RepairReport& report() const { return report_; }
  // Of the last run, if it succeeded: the container's header, the records that a copy has of it, and whether
  // the copy has anything else.
  Header header() const { return repaired_header_; }
  std::size_t records_in(std::size_t copy) const { return map_.records_in(copy); }
  bool explains(std::size_t copy) const { return extents_[copy].is_explained(); }
  // Bytes read.
  std::uint64_t work() const { return meter_.total(); }

 private:
  Status scan();
  Status repair_windows();
  Status take_window(RepairedWindow& window);
  Status write_window(RepairedWindow& window);
  Status finish();
  struct Receivers {
    bool sink = true;
    bool decoder = true;
  };
  Status write_extension_behind(std::uint32_t number, const Trailer* trailer, Receivers to);
  Status emit(const void* data, std::size_t size, Receivers to);
  Status decoded(Status status) const;
  Status check_copies(RepairedWindow& first);
  Status find_footer(Footer& footer);
  Status check_other_containers();
  Status find_other(CopyReader& reader, std::uint64_t begin, std::optional<std::uint64_t>& end);
  std::uint64_t max_other_data(std::uint64_t size) const;
  std::string proven_data(std::size_t copy, std::uint64_t begin, std::uint64_t end) const;
  Status is_whole(CopyReader& reader, std::uint64_t begin, std::uint64_t end, bool& whole);
  Status lacking_cells() const;

  Allocator allocator_;
  Parameters parameters_{Role::kRepairer};
  Origin origin_ = Origin::kShown;
  Callbacks callbacks_;
  std::vector<CopyInput> inputs_;
  std::vector<CopyRecords> found_;  // in each of the copies
  std::vector<RepairCopy> copies_;
  std::vector<CopyExtent> extents_;  // of each of the copies
  WorkMeter meter_;
  ProtectionMap map_;
  std::shared_ptr<WorkerThreads> threads_;  // of the two that follow
  Decoder decoder_;
  WindowQueue windows_;
  std::array<std::uint8_t, kHeaderSize> header_{};
  Header repaired_header_;
  Status emitted_;   // of the sink of extension frames
  Status unproven_;  // of the first window that has all cells and is not proven
  RepairReport report_;
};

}  // namespace paxect::core
