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
  // `group`: the process group that it joins, 0 for ours.
  SpawnSettings(int errors, pid_t group) {
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
    posix_spawnattr_setpgroup(&attributes_, group);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (group != 0 ? POSIX_SPAWN_SETPGROUP : 0);
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

void close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  for (long fd = first; fd < sysconf(_SC_OPEN_MAX); ++fd) close(static_cast<int>(fd));
}

// The guard of a process group, which is in it: it kills the group when nobody has the other end of its pipe
// open any more. Every call is async-signal-safe, as it must be after a fork of a process with threads.
[[noreturn]] void guard(int pipe) {
  setpgid(0, 0);
  if (getpgrp() != getpid()) _exit(1);  // never to kill the group of the relay
  dup2(pipe, 0);
  close_from(1);  // locks, leases, and the pipes of other guards
  char byte = 0;
  while (read(0, &byte, 1) < 0 && errno == EINTR) {
  }
  kill(0, SIGKILL);
  _exit(0);
}

// A process group that ends with this object, and also when this process ends without calling its destructor:
// by _exit(), by a signal, by SIGKILL. PR_SET_PDEATHSIG alone would end the child and nothing that it
// started.
class ProcessGroup {
 public:
  ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;
  ~ProcessGroup() {
    if (id_ == 0) return;
    kill(-id_, SIGKILL);
    while (waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  // 0, or an errno.
  int begin() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    UniqueFd of_guard(ends[0]);
    ours_.reset(ends[1]);
    // The guard must survive the signal that asks the group to end.
    sigset_t all;
    sigset_t former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    const pid_t made = fork();
    if (made == 0) guard(of_guard.get());
    const int error = made < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &former, nullptr);
    if (made < 0) return error;
    setpgid(made, made);  // whoever comes first
    id_ = made;
    return 0;
  }
  // 0 before begin().
  pid_t id() const { return id_; }

 private:
  UniqueFd ours_;
  pid_t id_ = 0;  // of the guard too; it is kept as long as the guard was not waited for
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
  // `group`: its own process group, 0 for none.
  Watch(int errors, pid_t pid, pid_t group, const Child& child, ChildEnd* end)
      : pid_(pid),
        target_(group != 0 ? -group : pid),
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
  ProcessGroup group;
  int error = child.own_group ? group.begin() : 0;
  SpawnSettings settings(writer.get(), group.id());
  pid_t pid = 0;
  if (error == 0)
    error = posix_spawnp(&pid, arguments[0], settings.actions(), settings.attributes(), arguments.data(),
                         child.environment ? own_environment.data() : environ);
  writer.reset();
  if (error != 0)
    return Status::environment("cannot run '" + words[0] + "': " + std::generic_category().message(error));

  Watch(errors.get(), pid, group.id(), child, end).run();
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  while (end->said.ends_with('\n')) end->said.pop_back();
  end->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return Status::success();
}

}  // namespace paxect::link
