#include "base/guarded_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>

namespace paxect::link {
namespace {

constexpr int kPollIntervalMs = 10;  // between two checks, where no descriptor reports the end of a process
constexpr int kSweepLimit =
    200;  // checks for processes that do not end, such as one that waits for a dead server

// What the guard, or the command before its execve(2), sends to us.
struct Report {
  enum Kind : int { kExecFailed, kEnded };
  Kind kind;
  int value;  // an errno, or the status of waitpid(2)
};

// ---- in the guard: every call is async-signal-safe, as it must be after a fork of a process with threads
// ----

void close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  for (long fd = first; fd < sysconf(_SC_OPEN_MAX); ++fd) close(static_cast<int>(fd));
}

void send_report(int socket, Report::Kind kind, int value) {
  const Report report{kind, value};
  while (send(socket, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

struct Command {
  char* const* words;
  char* const* environment;
  int errors;
  int socket;
};

[[noreturn]] void execute(const Command& command) {
  setpgid(0, 0);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool is_ready = null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(command.errors, 2) == 2;
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (is_ready) execvpe(command.words[0], command.words, command.environment);
  send_report(command.socket, Report::kExecFailed, errno);
  _exit(127);
}

// Kills the children that this process has, also those that it adopted.
void kill_children() {
  const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  std::array<char, 4096> text;
  const ssize_t got = read(fd, text.data(), text.size());
  close(fd);
  const char* end = text.data() + (got > 0 ? got : 0);
  for (const char* at = text.data(); at < end;) {
    pid_t child = 0;
    auto [after, error] = std::from_chars(at, end, child);
    // Without a blank behind it, the number may be cut.
    if (error == std::errc() && after < end && child > 1) kill(child, SIGKILL);
    at = after + 1;
  }
}

// What a killed process had started is adopted in its turn, so it takes rounds.
void kill_everything() {
  constexpr timespec kInterval{.tv_sec = 0, .tv_nsec = kPollIntervalMs * 1'000'000};
  for (int round = 0; round < kSweepLimit; ++round) {
    kill_children();
    pid_t reaped = 0;
    while ((reaped = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0 && errno == ECHILD) return;
    nanosleep(&kInterval, nullptr);
  }
}

// The status stays to be collected, so that nobody else gets the number of its process group.
bool has_exited(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

// Passes signals on to the group of the command until the command has ended, or the other end of the socket
// is gone.
void attend(pid_t command, int socket) {
  const int ended = static_cast<int>(syscall(SYS_pidfd_open, command, 0));
  while (!has_exited(command)) {
    std::array<pollfd, 2> watched{pollfd{socket, POLLIN, 0}, pollfd{ended, POLLIN, 0}};
    poll(watched.data(), watched.size(), ended >= 0 ? -1 : kPollIntervalMs);
    int number = 0;
    const ssize_t got = recv(socket, &number, sizeof number, MSG_DONTWAIT);
    if (got == sizeof number) kill(-command, number);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return;
  }
}

[[noreturn]] void guard(Command command) {
  setpgid(0, 0);  // a signal to our group, such as that of a terminal, must not end it before the command
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pid_t pid = _Fork();
  if (pid == 0) execute(command);
  if (pid < 0) {
    send_report(command.socket, Report::kExecFailed, errno);
    _exit(1);
  }
  setpgid(pid, pid);  // whoever comes first
  dup2(command.socket, 0);
  close_from(1);  // locks, leases, and the sockets of other guards
  attend(pid, 0);
  kill(-pid, SIGKILL);
  int raw_status = 0;
  const bool has_ended = waitpid(pid, &raw_status, WNOHANG) == pid;
  kill_everything();
  if (has_ended) send_report(0, Report::kEnded, raw_status);
  _exit(0);
}

}  // namespace

GuardedProcess::~GuardedProcess() {
  if (guard_ == 0) return;
  socket_.reset();
  while (waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int GuardedProcess::begin(const std::vector<char*>& words, char* const* environment, int errors) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return errno;
  const UniqueFd theirs(ends[0]);
  socket_.reset(ends[1]);
  // The guard must survive the signals that end us.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  const pid_t made = fork();
  if (made == 0) {
    close(socket_.get());
    guard({.words = words.data(), .environment = environment, .errors = errors, .socket = theirs.get()});
  }
  const int error = made < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (made > 0) guard_ = made;
  return error;
}

void GuardedProcess::read_report() {
  Report report{};
  const ssize_t got = recv(socket_.get(), &report, sizeof report, MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got == sizeof report && report.kind == Report::kExecFailed) {
    exec_error_ = report.value;
    return;
  }
  // Without a report the guard was killed, and nobody knows how the command ended.
  has_ended_ = true;
  raw_status_ = got == sizeof report ? report.value : SIGKILL;
}

void GuardedProcess::send_signal(int number) {
  while (send(socket_.get(), &number, sizeof number, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace paxect::link
