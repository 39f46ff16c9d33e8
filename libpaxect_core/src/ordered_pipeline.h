// Jobs that several threads work on and that come back in the order in which they were submitted.
//
// A ring of slots, each with a Job that keeps its buffers. One thread, the owner, fills slots (acquire,
// submit) and takes them back, oldest first (finished, release). `threads` - 1 workers do the jobs, and so
// does the owner instead of blocking. At most `threads` threads are busy; one thread needs no
// synchronization. Workers start when two jobs are waiting, so that small inputs need none.
//
// Invariants, under mutex_ where other threads can see them:
//   1. tail_ <= next_ <= head_ <= tail_ + slots: released | taken | waiting | free. Slot of job n is n %
//   slots.
//   2. Only the owner moves tail_ and head_; whoever takes a job moves next_.
//   3. A job belongs to the owner before submit and after it is done, and to the thread that took it in
//   between.
//   4. A job is done when its `done` is set. The owner blocks on the job at tail_ only.
//
// Worker: default constructible, `void operator()(Job&) noexcept`.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace paxect::core {

// Slots for a pipeline: enough to keep every thread busy while the owner does its part, and no more, so that
// the data in flight stays in the processor's caches. `ahead` are those that the owner fills or empties at
// the same time.
inline std::size_t slots_for(unsigned threads, std::size_t ahead = 0) {
  return threads == 1 ? 1 : 2 * std::size_t{threads} + ahead;
}

template <class Job, class Worker>
class OrderedPipeline {
 public:
  enum class Wait { kNo, kYes };

  template <class MakeJob>
  OrderedPipeline(unsigned threads, std::size_t slots, MakeJob make_job) : workers_(threads) {
    threads_.reserve(threads - 1);
    slots_.reserve(slots);
    for (std::size_t i = 0; i < slots; ++i) slots_.push_back({make_job(), false});
  }

  ~OrderedPipeline() {
    abandon();
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
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

  unsigned threads() const { return static_cast<unsigned>(workers_.size()); }

  // The slot to fill next, the same one until submit; nullptr when all are in use.
  Job* acquire() { return head_ - tail_ == slots_.size() ? nullptr : &slot(head_).job; }

  void submit() {
    bool several_waiting;
    {
      std::lock_guard lock(mutex_);
      slot(head_).done = false;
      ++head_;
      several_waiting = head_ - next_ > 1;
    }
    if (several_waiting) start_threads();
    if (!threads_.empty()) work_.notify_one();
  }

  // The number of submitted jobs that no thread has taken.
  std::size_t waiting() {
    std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(head_ - next_);
  }

  // The oldest submitted job if it is done; with kYes, works on jobs or blocks until it is. nullptr if it is
  // not done or no job was submitted.
  Job* finished(Wait wait) {
    if (tail_ == head_) return nullptr;
    Slot& oldest = slot(tail_);
    std::unique_lock lock(mutex_);
    while (!oldest.done) {
      if (wait == Wait::kNo) return nullptr;
      if (next_ < head_)
        take_one(lock, workers_[0]);
      else
        done_.wait(lock);
    }
    return &oldest.job;
  }

  // Returns the slot of the job from finished() to the ring.
  void release() { ++tail_; }

  // Drops all jobs and blocks on those that a worker has taken. Afterwards no worker uses a job or what it
  // refers to.
  void abandon() noexcept {
    refused_ = false;
    std::unique_lock lock(mutex_);
    std::uint64_t begun = next_;
    next_ = head_;
    for (; tail_ < begun; ++tail_) done_.wait(lock, [&] { return slot(tail_).done; });
    tail_ = head_;
  }

 private:
  struct Slot {
    Job job;
    bool done;
  };

  Slot& slot(std::uint64_t number) { return slots_[number % slots_.size()]; }

  // Takes the oldest waiting job and does it. `lock` is held on entry and exit but not in between.
  void take_one(std::unique_lock<std::mutex>& lock, Worker& worker) {
    Slot& taken = slot(next_++);
    lock.unlock();
    worker(taken.job);
    lock.lock();
    taken.done = true;
  }

  // If the system refuses a thread, because of a limit or a lack of memory, the other threads do its work.
  // The jobs that were submitted do not fail.
  void start_threads() noexcept {
    try {
      while (!refused_ && threads_.size() + 1 < workers_.size())
        threads_.emplace_back([this, i = threads_.size() + 1] { serve(workers_[i]); });
    } catch (...) {
      refused_ = true;
    }
  }

  void serve(Worker& worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [&] { return stopping_ || next_ < head_; });
      if (stopping_) return;
      take_one(lock, worker);
      done_.notify_one();
    }
  }

  std::vector<Worker> workers_;  // [0] is the owner's
  std::vector<Slot> slots_;
  std::vector<std::thread> threads_;
  bool refused_ = false;  // the system refused a thread since the last abandon
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::uint64_t tail_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t head_ = 0;
  bool stopping_ = false;
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
