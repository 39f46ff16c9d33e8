// Jobs that several threads work on and that come back in the order in which they were submitted.
//
// A ring of slots, each with a Job that keeps its buffers. One thread, the owner, fills slots (acquire,
// submit) and takes them back, oldest first (finished, release). The other threads do the jobs, and so does
// the owner instead of blocking. One thread needs no synchronization. Workers start when two jobs are
// waiting, so that small inputs need none. Several pipelines of one owner can share their threads.
//
// Invariants, under the lock of the threads where others can see them:
//   1. tail_ <= next_ <= head_ <= tail_ + slots: released | taken | waiting | free. Slot of job n is n %
//   slots.
//   2. Only the owner moves tail_ and head_; whoever takes a job moves next_.
//   3. A job belongs to the owner before submit and after it is done, and to the thread that took it in
//   between.
//   4. A job is done when its `done` is set. The owner blocks on the job at tail_ only.
//
// Worker: default constructible, `void operator()(Job&) noexcept`. Each thread has one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "worker_threads.h"

namespace paxect::core {

// Slots for a pipeline: enough to keep every thread busy while the owner does its part, and no more, so that
// the data in flight stays in the processor's caches. `ahead` are those that the owner fills or empties at
// the same time.
inline std::size_t slots_for(unsigned threads, std::size_t ahead = 0) {
  return threads == 1 ? 1 : 2 * std::size_t{threads} + ahead;
}

template <class Job, class Worker>
class OrderedPipeline final : private WorkerThreads::Queue {
 public:
  enum class Wait { kNo, kYes };

  template <class MakeJob>
  OrderedPipeline(std::shared_ptr<WorkerThreads> threads, std::size_t slots, MakeJob make_job)
      : threads_(std::move(threads)), workers_(threads_->size()) {
    slots_.reserve(slots);
    for (std::size_t i = 0; i < slots; ++i) slots_.push_back({make_job(), false});
    threads_->add(*this);
  }
  // With threads of its own.
  template <class MakeJob>
  OrderedPipeline(unsigned threads, std::size_t slots, MakeJob make_job)
      : OrderedPipeline(std::make_shared<WorkerThreads>(threads), slots, make_job) {}

  ~OrderedPipeline() {
    abandon();
    threads_->remove(*this);
  }

  OrderedPipeline(const OrderedPipeline&) = delete;
  OrderedPipeline& operator=(const OrderedPipeline&) = delete;

  // Replaces `pipeline` unless it has this number of threads and slots.
  template <class MakeJob>
  static void fit(std::unique_ptr<OrderedPipeline>& pipeline, unsigned threads, std::size_t slots,
                  MakeJob make_job) {
    if (pipeline != nullptr && pipeline->threads() == threads && pipeline->slots_.size() == slots) return;
    pipeline.reset();  // its memory first
    pipeline = std::make_unique<OrderedPipeline>(threads, slots, make_job);
  }
  // The same with these threads.
  template <class MakeJob>
  static void fit(std::unique_ptr<OrderedPipeline>& pipeline, const std::shared_ptr<WorkerThreads>& threads,
                  std::size_t slots, MakeJob make_job) {
    if (pipeline != nullptr && pipeline->threads_ == threads && pipeline->slots_.size() == slots) return;
    pipeline.reset();
    pipeline = std::make_unique<OrderedPipeline>(threads, slots, make_job);
  }

  unsigned threads() const { return threads_->size(); }

  // The slot to fill next, the same one until submit; nullptr when all are in use.
  Job* acquire() { return head_ - tail_ == slots_.size() ? nullptr : &slot(head_).job; }

  void submit() {
    bool several_waiting;
    {
      const WorkerThreads::Lock lock = threads_->lock();
      slot(head_).done = false;
      ++head_;
      several_waiting = head_ - next_ > 1;
    }
    threads_->notify(several_waiting);
  }

  // The number of submitted jobs that no thread has taken.
  std::size_t waiting() {
    const WorkerThreads::Lock lock = threads_->lock();
    return static_cast<std::size_t>(head_ - next_);
  }

  // The oldest submitted job if it is done; with kYes, works on jobs or blocks until it is. nullptr if it is
  // not done or no job was submitted.
  Job* finished(Wait wait) {
    if (tail_ == head_) return nullptr;
    const Slot& oldest = slot(tail_);
    WorkerThreads::Lock lock = threads_->lock();
    while (!oldest.done) {
      if (wait == Wait::kNo) return nullptr;
      if (!take_waiting(lock)) threads_->wait_for_done(lock);
    }
    return &slot(tail_).job;
  }

  // As finished(kYes), for jobs that may take long: calls `ask` every now and then while it blocks. nullptr
  // also when that returned false.
  template <class Ask>
  Job* finished_asking(Ask ask) {
    if (tail_ == head_) return nullptr;
    const Slot& oldest = slot(tail_);
    WorkerThreads::Lock lock = threads_->lock();
    while (!oldest.done) {
      if (take_waiting(lock)) continue;
      threads_->wait_briefly(lock);
      if (oldest.done) break;
      lock.unlock();
      if (!ask()) return nullptr;
      lock.lock();
    }
    return &slot(tail_).job;
  }

  // Returns the slot of the job from finished() to the ring.
  void release() { ++tail_; }

  // Drops all jobs and blocks on those that a worker has taken. Afterwards no worker uses a job or what it
  // refers to.
  void abandon() noexcept {
    threads_->retry();
    WorkerThreads::Lock lock = threads_->lock();
    const std::uint64_t begun = next_;
    next_ = head_;
    for (; tail_ < begun; ++tail_)
      while (!slot(tail_).done) threads_->wait_for_done(lock);
    tail_ = head_;
  }

 private:
  struct Slot {
    Job job;
    bool done;
  };

  Slot& slot(std::uint64_t number) { return slots_[number % slots_.size()]; }

  bool has_waiting() const override { return next_ < head_; }

  void take_one(WorkerThreads::Lock& lock, unsigned number) override {
    Slot& taken = slot(next_++);
    lock.unlock();
    workers_[number](taken.job);
    lock.lock();
    taken.done = true;
  }

  // As the owner: of this pipeline first.
  bool take_waiting(WorkerThreads::Lock& lock) {
    if (!has_waiting()) return threads_->take_one(lock);
    take_one(lock, 0);
    return true;
  }

  std::shared_ptr<WorkerThreads> threads_;
  std::vector<Worker> workers_;  // [0] is the owner's
  std::vector<Slot> slots_;
  std::uint64_t tail_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t head_ = 0;
};

// Abandons work at the end of a scope that owns something the work's jobs use.
template <class Work>
class AbandonAtEnd {
 public:
  explicit AbandonAtEnd(Work& work) : work_(work) {}
  ~AbandonAtEnd() { work_.abandon(); }
  AbandonAtEnd(const AbandonAtEnd&) = delete;
  AbandonAtEnd& operator=(const AbandonAtEnd&) = delete;

 private:
  Work& work_;
};

}  // namespace paxect::core
