// Runs independent pieces of work on a few threads at once. Mostly they wait for the disk, which serves many
// at a time, so more threads than processors pay.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace paxect::link {

inline constexpr std::size_t kWorkers = 8;

// Calls piece(worker, i) for every i below `count`, worker below kWorkers; returns when no piece runs any
// more. After an exception in a piece no further pieces begin, and the first exception is thrown to the
// caller.
template <class Piece>
void side_by_side(std::size_t count, const Piece& piece) {
  std::atomic<std::size_t> next{0};
  std::atomic_flag has_failed;
  std::exception_ptr failure;
  auto run = [&](std::size_t worker) noexcept {
    try {
      for (std::size_t i = next++; i < count; i = next++) piece(worker, i);
    } catch (...) {
      next = count;
      if (!has_failed.test_and_set()) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t worker = 1; worker < std::min(kWorkers, count); ++worker)
        threads.emplace_back(run, worker);
    } catch (const std::exception&) {
      // No more threads or memory: those that there are do the work of the others.
    }
    run(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace paxect::link
