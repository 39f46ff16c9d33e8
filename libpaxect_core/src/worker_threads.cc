#include "worker_threads.h"

#include <algorithm>
#include <chrono>

namespace paxect::core {

WorkerThreads::WorkerThreads(unsigned size) : size_(size) { threads_.reserve(size - 1); }

WorkerThreads::~WorkerThreads() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerThreads::add(Queue& queue) {
  std::lock_guard guard(mutex_);
  queues_.push_back(&queue);
}

void WorkerThreads::remove(Queue& queue) {
  std::lock_guard guard(mutex_);
  queues_.erase(std::find(queues_.begin(), queues_.end(), &queue));
}

void WorkerThreads::notify(bool start) {
  if (start) start_threads();
  if (!threads_.empty()) work_.notify_one();
}

bool WorkerThreads::take_one(Lock& lock) {
  Queue* queue = waiting();
  if (queue != nullptr) queue->take_one(lock, 0);
  return queue != nullptr;
}

void WorkerThreads::wait_briefly(Lock& lock) { done_.wait_for(lock, std::chrono::milliseconds(100)); }

// If the system refuses a thread, because of a limit or a lack of memory, the other threads do its work. The
// jobs that were submitted do not fail.
void WorkerThreads::start_threads() noexcept {
  try {
    while (!refused_ && threads_.size() + 1 < size_)
      threads_.emplace_back([this, number = static_cast<unsigned>(threads_.size() + 1)] { serve(number); });
  } catch (...) {
    refused_ = true;
  }
}

void WorkerThreads::serve(unsigned number) {
  Lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return stopping_ || waiting() != nullptr; });
    if (stopping_) return;
    waiting()->take_one(lock, number);
    done_.notify_one();
  }
}

WorkerThreads::Queue* WorkerThreads::waiting() {
  const auto found =
      std::find_if(queues_.begin(), queues_.end(), [](const Queue* queue) { return queue->has_waiting(); });
  return found == queues_.end() ? nullptr : *found;
}

}  // namespace paxect::core
