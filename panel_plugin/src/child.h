// Commands of other sections, each a program of its own, without a shell and without waiting for it.
//
// One thread. A command that takes longer than it may, or prints more than kMaxOutput, is killed with all
// that it started. At most kMaxRunning run at once; the others wait in a queue.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "events.h"
#include "unique_fd.h"

namespace paxect::panel {

struct CommandEnd {
  int status = 0;                  // exit status, or 128 + signal
  std::string output;              // standard output
  std::string error;               // the first bytes of standard error, or why it could not run
  std::uint64_t processor_ns = 0;  // that it has used
  bool late = false;
  bool started = true;
};

class Runner {
 public:
  static constexpr std::size_t kMaxRunning = 3;
  static constexpr std::size_t kMaxQueued = 16;
  static constexpr std::size_t kMaxOutput = 16 * 1024 * 1024;
  static constexpr std::size_t kMaxError = 4096;

  using Done = std::function<void(CommandEnd end)>;

  explicit Runner(Events* events) : events_(events) {}
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void set_time(std::uint64_t now_ns) { now_ns_ = now_ns; }
  // False when the queue is full; `done` is not called then.
  bool run(std::vector<std::string> words, std::uint64_t limit_ns, Done done);
  // Kills those whose time is over. Returns when it wants to be called again.
  std::uint64_t expire();
  // Kills all, and calls their `done`. Nothing runs after that.
  void close();

 private:
  struct Job {
    std::vector<std::string> words{};
    std::uint64_t limit_ns = 0;
    Done done{};
    std::uint64_t deadline_ns = 0;
    int pid = 0;
    UniqueFd process{};
    UniqueFd output{};
    UniqueFd error{};
    std::vector<Events::Id> watched{};
    CommandEnd end{};
  };
  using Jobs = std::list<std::unique_ptr<Job>>;

  void start_queued();
  bool start(Job* job);
  bool watch(Job* job);
  void drain(Job* job);
  void finish(Job* job);
  void forget(Job* job);

  Events* events_;
  std::uint64_t now_ns_ = 0;
  std::deque<std::unique_ptr<Job>> queued_;
  Jobs running_;
  bool is_closed_ = false;
};

}  // namespace paxect::panel
