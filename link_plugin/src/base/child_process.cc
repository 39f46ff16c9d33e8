#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/unique_fd.h"

namespace paxect::link {
namespace {

constexpr std::size_t kSaidLimit = 4096;
constexpr int kStopIntervalMs = 100;  // between two checks of `stop`
constexpr int kPollIntervalMs = 10;   // between two checks whether it has ended, where nothing reports it
constexpr std::chrono::seconds kGrace{5};   // between stop_signal and SIGKILL
constexpr std::chrono::seconds kLinger{1};  // between its end and giving up on its standard error

// posix_spawn(3)'s settings: no input, no output, errors into our pipe, default signals.
class SpawnSettings {
 public:
  SpawnSettings(int errors, bool own_group) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (own_group ? POSIX_SPAWN_SETPGROUP : 0);
    posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// The strings as execve(2) takes them; they must outlive it.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Its status is left to be asked for.
bool has_ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

// Waits for the child's end and collects what it writes to standard error in the meantime. The end of the
// child ends the wait, not the end of its standard error: a child may close that early, and what the child
// started may keep it open.
class Watch {
 public:
  Watch(int errors, pid_t pid, const Child& child, ChildEnd* end)
      : pid_(pid),
        target_(child.own_group ? -pid : pid),
        child_(child),
        end_(end),
        errors_(errors),
        ended_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

  void run() {
    while (!has_ended(pid_)) {
      end_when_asked();
      wait_and_read(end_ms());
    }
    // What it wrote last may still be in the pipe, and what it started may have some last words.
    const auto over = Clock::now();
    while (errors_ >= 0 && Clock::now() - over < kLinger) wait_and_read(kStopIntervalMs);
    // The group keeps its number as long as its leader was not waited for.
    if (child_.own_group) kill(target_, SIGKILL);
  }

 private:
  using Clock = std::chrono::steady_clock;

  // Without a descriptor of the process its end is noticed by looking.
  int end_ms() const { return ended_ || errors_ >= 0 ? kStopIntervalMs : kPollIntervalMs; }

  void end_when_asked() {
    const auto now = Clock::now();
    if (end_->stopped || end_->late) {
      if (now - told_ > kGrace) kill(target_, SIGKILL);
      return;
    }
    end_->stopped = child_.stop();
    end_->late =
        !end_->stopped && child_.limit_ns != 0 && now - begin_ > std::chrono::nanoseconds(child_.limit_ns);
    if (!end_->stopped && !end_->late) return;
    kill(target_, child_.stop_signal);
    told_ = now;
  }

  void wait_and_read(int timeout_ms) {
    std::array<pollfd, 2> watched{pollfd{errors_, POLLIN, 0},
                                  pollfd{has_ended_ ? -1 : ended_.get(), POLLIN, 0}};
    if (poll(watched.data(), watched.size(), timeout_ms) <= 0) return;
    has_ended_ = has_ended_ || watched[1].revents != 0;
    if (watched[0].revents == 0) return;
    std::array<char, 4096> buffer;
    ssize_t got = read(errors_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
      errors_ = -1;
      return;
    }
    end_->said.append(buffer.data(), static_cast<std::size_t>(got));
    if (end_->said.size() > kSaidLimit) end_->said.erase(0, end_->said.size() - kSaidLimit);
  }

  pid_t pid_;
  pid_t target_;
  const Child& child_;
  ChildEnd* end_;
  int errors_;      // -1 once nobody has it open for writing
  UniqueFd ended_;  // readable when the child has ended; none on a kernel before 5.3
  bool has_ended_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point told_;  // to end
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
  SpawnSettings settings(writer.get(), child.own_group);
  pid_t pid = 0;
  int error = posix_spawnp(&pid, arguments[0], settings.actions(), settings.attributes(), arguments.data(),
                           child.environment ? own_environment.data() : environ);
  writer.reset();
  if (error != 0)
    return Status::environment("cannot run '" + words[0] + "': " + std::generic_category().message(error));

  Watch(errors.get(), pid, child, end).run();
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  while (end->said.ends_with('\n')) end->said.pop_back();
  end->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return Status::success();
}

}  // namespace paxect::link
