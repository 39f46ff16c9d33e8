// Where the products of one batch are written while the relay's thread does something else: a thread.
//
// The lane's thread runs Batch::write() and nothing else. All functions of this class are for the relay's
// thread. The thread is made for each batch, so that it is in the sandbox that the relay has entered. Where
// the system has no thread or descriptor for it, start() writes the batch before it returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/blocks.h"
#include "base/unique_fd.h"
#include "relay/batch.h"

namespace paxect::link {

class Lane {
 public:
  enum class Use {
    kWithinStep,  // the relay's step ends after the work
    kAcrossSteps  // the work may take longer than any step
  };

  // `stop` ends work early. For each call the host counts a sign of life of the step that runs, so across
  // steps the lane's thread does not call it: cancel() ends the work.
  Lane(Use use, const ExternalCore& core, const Encoding& encoding, Stop stop);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Whether it has no batch.
  bool is_idle() const { return batch_ == nullptr; }
  // Requires: is_idle(), and batch->begin() was called.
  void start(std::unique_ptr<Batch> batch);
  // The same on the calling thread.
  void run(Batch* batch) { batch->write(&workers_); }
  // Whether it has a batch, and that is written or failed.
  bool is_done() const { return batch_ != nullptr && is_done_; }
  // Readable once the batch is done; -1 for none. For polling alone.
  int fd() const { return event_.get(); }
  // Ends the work in hand soon.
  void cancel() { is_cancelled_ = true; }
  // Blocks until the batch is done, and hands it over. Requires: not is_idle().
  std::unique_ptr<Batch> take();
  // Requires: not is_idle().
  const Batch& batch() const { return *batch_; }

 private:
  bool try_start();
  void write() noexcept;

  Use use_;
  Stop stop_;
  std::atomic<bool> is_cancelled_{false};
  std::atomic<bool> is_done_{false};
  bool is_inline_ = false;
  Workers workers_;
  UniqueFd event_;
  std::unique_ptr<Batch> batch_;
  std::thread thread_;
};

}  // namespace paxect::link
