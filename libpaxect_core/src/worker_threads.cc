#include "worker_threads.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include "descriptor.h"

namespace paxect::core {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// Address space that a thread takes before it does anything: its stack, and the region that malloc reserves
// for it.
constexpr std::uint64_t kPerThread = 72 * kMiB;
// What is left to the work, all of which may be done at the same time then.
constexpr std::uint64_t kForWork = 256 * kMiB;

// The address space that the process has, as far as the system says it.
std::uint64_t address_space() {
  const Descriptor file = open_at(AT_FDCWD, "/proc/self/statm", O_RDONLY);
  std::array<char, 64> text{};
  if (!file.valid() || read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  return std::strtoull(text.data(), nullptr, 10) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// How many threads a limit to the address space leaves room for. Without this, whether memory lacks for the
// work would depend on which of its parts are done at the same time.
std::size_t threads_with_room(std::size_t wanted) {
  struct rlimit limit {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  const std::uint64_t taken = address_space() + kForWork;
  const std::uint64_t room = limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
  return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, room / kPerThread));
}

}  // namespace

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

// If the system refuses a thread, because of a limit or a lack of memory, or would have too little memory
// left beside it, the other threads do its work. The jobs that were submitted do not fail.
void WorkerThreads::start_threads() noexcept {
  if (refused_ || threads_.size() + 1 >= size_) return;
  try {
    const std::size_t count = threads_.size() + threads_with_room(size_ - 1 - threads_.size());
    refused_ = count + 1 < size_;
    while (threads_.size() < count)
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
