// The batches that are under way, and where their products are written.
//
//   small files   one batch after the other on the relay's thread; while one batch is committed, the
//                 products of the next one are written in the background
//   large files   one to a batch and a lane, over as many steps of the relay as it takes
//
// So a small file never waits for a large one. Everything that batches share (journal, names, log, removal)
// is used by the relay's thread alone, and every function here is for that thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "relay/batch.h"
#include "relay/lane.h"

namespace paxect::link {

class Lanes {
 public:
  // From this size on a file is large. At the speed of one processor it takes a tenth of a second.
  static constexpr std::uint64_t kLargeBytes = std::uint64_t{8} << 20;
  // One of the lanes takes no larger files, so that those below never wait for one of a terabyte.
  static constexpr std::uint64_t kHugeBytes = std::uint64_t{1} << 30;

  Lanes(const Batch::Parts& parts, const ExternalCore& core, const Encoding& encoding);

  // The size of the largest file that start_large() takes now; 0 when no lane is idle.
  std::uint64_t room() const;
  // Requires: transfer.source.identity.size <= room().
  void start_large(Transfer transfer);
  // Writes the products of small files and commits the files of the last call in the meantime. Those of this
  // call are committed as well unless `has_more` promises another call.
  void run_small(std::vector<Transfer> transfers, bool has_more);
  // Commits what is written, except what the next run_small() is to commit. False when a problem of the
  // relay's own holds up a batch.
  bool advance();
  // Commits what a call of run_small() left over.
  void commit_small();

  // Ends all work soon. What is written already is committed.
  void finish();
  // Ends all work soon, and leaves every intent to recovery.
  void give_up();

  // Whether a large file is being worked on.
  bool is_working() const;
  // Whether a large file is ready for advance().
  bool is_done() const;
  // Whether nothing is under way.
  bool is_empty() const { return !written_ && unfinished_.empty() && !is_working(); }
  struct Ended {
    bool any = false;       // a batch came to its end
    bool has_news = false;  // and a file of it changed in the meantime
  };
  // Since the last call.
  Ended take_ended() { return std::exchange(ended_, {}); }
  // The large files that are being worked on.
  struct InHand {
    std::string path;  // in the inbox
    FileIdentity identity;
    std::uint64_t bytes_read = 0;
    std::int64_t since_utc_ns = 0;
  };
  std::vector<InHand> in_hand() const;
  // Descriptors that become readable when a lane is done.
  std::vector<int> fds() const;

 private:
  std::unique_ptr<Batch> begin(std::vector<Transfer> transfers, Batch::Lists lists);
  void commit(std::unique_ptr<Batch> batch);
  bool try_to_end(Batch* batch);
  void release(const Batch& batch);

  static constexpr std::size_t kLargeLanes = 2;
  static std::uint64_t limit_of(std::size_t lane) { return lane == 0 ? kHugeBytes : UINT64_MAX; }

  Batch::Parts parts_;
  Lane small_;
  std::array<std::unique_ptr<Lane>, kLargeLanes> large_;
  std::unique_ptr<Batch> written_;                  // small files, to be committed beside the next batch
  std::vector<std::unique_ptr<Batch>> unfinished_;  // with a step still missing
  Ended ended_;
};

}  // namespace paxect::link
