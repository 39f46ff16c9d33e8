#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/guarded_process.h"
#include "base/unique_fd.h"

namespace paxect::link {
namespace {

constexpr std::size_t kSaidLimit = 4096;
constexpr int kStopIntervalMs = 100;          // between two checks of `stop`
constexpr std::chrono::seconds kGrace{5};     // between stop_signal and SIGKILL
constexpr std::chrono::seconds kPatience{2};  // between SIGKILL and giving up on its end
constexpr std::chrono::seconds kLinger{1};    // between its end and giving up on its standard error

// The strings as execve(2) takes them; they must outlive it.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Waits for the child's end and collects what it writes to standard error in the meantime. The end of the
// child ends the wait, not the end of its standard error, which a child may close early.
class Watch {
 public:
  Watch(int errors, GuardedProcess* process, const Child& child, ChildEnd* end)
      : process_(*process), child_(child), end_(end), errors_(errors) {}

  void run() {
    while (!process_.has_ended() && !is_given_up()) {
      end_when_asked();
      wait_and_read();
    }
    // What it wrote last may still be in the pipe.
    const auto over = Clock::now();
    while (errors_ >= 0 && Clock::now() - over < kLinger) wait_and_read();
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool is_asked_to_end() const { return end_->stopped || end_->late; }

  // Nothing ends a process that waits for a server that is gone. The guard kills it as soon as that returns.
  bool is_given_up() const { return is_killed_ && Clock::now() - killed_ > kPatience; }

  void end_when_asked() {
    const auto now = Clock::now();
    if (!is_asked_to_end()) {
      end_->stopped = child_.stop();
      end_->late =
          !end_->stopped && child_.limit_ns != 0 && now - begin_ > std::chrono::nanoseconds(child_.limit_ns);
      if (!is_asked_to_end()) return;
      asked_ = now;
      process_.send_signal(child_.stop_signal);
      if (child_.stop_signal != SIGKILL) return;
    } else if (is_killed_ || now - asked_ <= kGrace) {
      return;
    }
    process_.send_signal(SIGKILL);
    is_killed_ = true;
    killed_ = now;
  }

  void wait_and_read() {
    std::array<pollfd, 2> watched{pollfd{errors_, POLLIN, 0},
                                  pollfd{process_.has_ended() ? -1 : process_.descriptor(), POLLIN, 0}};
    if (poll(watched.data(), watched.size(), kStopIntervalMs) <= 0) return;
    if (watched[1].revents != 0) process_.read_report();
    if (watched[0].revents != 0) read_errors();
  }

  void read_errors() {
    std::array<char, 4096> buffer;
    const ssize_t got = read(errors_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
      errors_ = -1;
      return;
    }
    end_->said.append(buffer.data(), static_cast<std::size_t>(got));
    if (end_->said.size() > kSaidLimit) end_->said.erase(0, end_->said.size() - kSaidLimit);
  }

  GuardedProcess& process_;
  const Child& child_;
  ChildEnd* end_;
  int errors_;  // -1 once nobody has it open for writing
  Clock::time_point begin_ = Clock::now();
  Clock::time_point asked_;
  Clock::time_point killed_;
  bool is_killed_ = false;
};

}  // namespace

Status run_child(const Child& child, ChildEnd* end) {
  *end = {};
  std::vector<std::string> words = child.words;
  std::vector<std::string> variables = child.environment.value_or(std::vector<std::string>());
  std::vector<char*> arguments = pointers_to(words);
  std::vector<char*> own_environment = pointers_to(variables);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return Status::environment("cannot make a pipe for '" + words[0] +
                               "': " + std::generic_category().message(errno));
  UniqueFd errors(ends[0]);
  UniqueFd writer(ends[1]);
  GuardedProcess process;
  int error = process.begin(arguments, child.environment ? own_environment.data() : environ, writer.get());
  writer.reset();
  if (error == 0) Watch(errors.get(), &process, child, end).run();
  if (error == 0) error = process.exec_error();
  if (error != 0)
    return Status::environment("cannot run '" + words[0] + "': " + std::generic_category().message(error));

  while (end->said.ends_with('\n')) end->said.pop_back();
  const int raw = process.has_ended() ? process.raw_status() : SIGKILL;
  end->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return Status::success();
}

}  // namespace paxect::link
