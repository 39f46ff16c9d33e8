// Threads that do the jobs of one or several pipelines of one owner. The owner's own thread is number 0 and
// is one of them, so that `size` threads are busy at most; the others are started when there is work for
// them.
//
// Invariants, under the mutex:
//   1. Only threads of this object, and the owner, take jobs of its queues.
//   2. A queue that is removed has no job that a thread has taken (its owner has blocked on them before).
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace paxect::core {

class WorkerThreads {
 public:
  using Lock = std::unique_lock<std::mutex>;

  // Jobs in the order in which they are to be taken. Both functions are called under the lock.
  class Queue {
   public:
    virtual bool has_waiting() const = 0;
    // Takes the first waiting job and does it as thread `number`. The lock is held on entry and exit but not
    // in between.
    virtual void take_one(Lock& lock, unsigned number) = 0;

   protected:
    ~Queue() = default;
  };

  // `size`: the owner's thread included.
  explicit WorkerThreads(unsigned size);
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  unsigned size() const { return size_; }
  // Jobs of a queue that was added earlier are taken before those of later ones.
  void add(Queue& queue);
  void remove(Queue& queue);

  Lock lock() { return Lock(mutex_); }
  // A job was added to a queue. `start`: there is work for more than the owner.
  void notify(bool start);
  // Takes a job of any queue, as the owner. False when none is waiting.
  bool take_one(Lock& lock);
  // Blocks until a job of any queue was done by another thread.
  void wait_for_done(Lock& lock) { done_.wait(lock); }
  // The same, for a tenth of a second at most.
  void wait_briefly(Lock& lock);
  // Threads that the system refused are tried again.
  void retry() { refused_ = false; }

 private:
  void start_threads() noexcept;
  void serve(unsigned number);
  Queue* waiting();

  unsigned size_;
  std::vector<Queue*> queues_;
  std::vector<std::thread> threads_;
  bool refused_ = false;  // the system refused a thread since the last retry
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  bool stopping_ = false;
};

}  // namespace paxect::core
