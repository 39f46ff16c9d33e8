#include "support/process.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "support/catch.h"

extern char** environ;

namespace paxect::test {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> merged_environment(const std::vector<std::string>& changes) {
  auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool changed = false;
    for (const std::string& change : changes) changed = changed || name_of(change) == name_of(*entry);
    if (!changed) result.emplace_back(*entry);
  }
  for (const std::string& change : changes)
    if (change.find('=') != std::string::npos) result.push_back(change);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  return ends;
}

void filter_calls(sock_filter* rules, std::size_t count) {
  sock_fprog program{static_cast<unsigned short>(count), rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    _exit(125);
}

// Makes open with O_TMPFILE fail from now on, here and in all descendants.
void forbid_tmpfile() {
  constexpr unsigned kTmpfileBit = O_TMPFILE & ~O_DIRECTORY;
  constexpr unsigned kFlags = offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t);  // low half
  std::array<sock_filter, 6> rules{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlags),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kTmpfileBit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  filter_calls(rules.data(), rules.size());
}

void forbid(const std::vector<FailingCall>& calls) {
  std::vector<sock_filter> rules = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const FailingCall& call : calls) {
    rules.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 1));
    rules.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(call.error)));
  }
  rules.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  filter_calls(rules.data(), rules.size());
}

pid_t start(const Command& command, int in, int out, int err) {
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> variables = merged_environment(command.environment);
  std::vector<char*> argv = pointers(arguments);
  std::vector<char*> envp = pointers(variables);
  pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid != 0) return pid;
  dup2(in, 0);
  dup2(out, 1);
  dup2(command.error_fd >= 0 ? command.error_fd : err, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  for (int fd : {1, 2})
    if (command.nonblocking_output &&
        (fcntl(fd, F_SETPIPE_SZ, 4096) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0))
      _exit(125);
  if (command.no_tmpfile) forbid_tmpfile();
  if (!command.failing.empty()) forbid(command.failing);
  if (!command.directory.empty() && chdir(command.directory.c_str()) != 0) _exit(126);
  environ = envp.data();
  execvp(argv[0], argv.data());
  _exit(127);
}

// Feeds input, collects both outputs until they are closed or the time is over.
bool exchange(int in, const std::string& input, int out, int err, Result& result, Clock::time_point end) {
  std::size_t sent = 0;
  std::array<pollfd, 3> watched{{{out, POLLIN, 0}, {err, POLLIN, 0}, {in, POLLOUT, 0}}};
  auto close_input = [&] {
    if (watched[2].fd >= 0) close(watched[2].fd);
    watched[2].fd = -1;
  };
  if (input.empty()) close_input();
  bool in_time = true;
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    in_time = left > 0;
    if (!in_time) break;
    poll(watched.data(), watched.size(), static_cast<int>(left));
    for (std::size_t i = 0; i < 2; ++i) {
      if (watched[i].fd < 0 || watched[i].revents == 0) continue;
      std::array<char, 65536> buffer;
      ssize_t got = read(watched[i].fd, buffer.data(), buffer.size());
      if (got > 0)
        (i == 0 ? result.output : result.error).append(buffer.data(), static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        watched[i].fd = -1;
    }
    if (watched[2].fd >= 0 && watched[2].revents != 0) {
      ssize_t put = write(watched[2].fd, input.data() + sent, input.size() - sent);
      if (put > 0) sent += static_cast<std::size_t>(put);
      if (put < 0 || sent == input.size()) close_input();
    }
  }
  close_input();
  return in_time;
}

int exit_status(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }

}  // namespace

Result run(const Command& command) {
  auto [in_read, in_write] = make_pipe();
  auto [out_read, out_write] = make_pipe();
  auto [err_read, err_write] = make_pipe();
  fcntl(in_write, F_SETFL, O_NONBLOCK);
  auto old_handler = ::signal(SIGPIPE, SIG_IGN);
  pid_t pid = start(command, in_read, out_write, err_write);
  close(in_read);
  close(out_write);
  close(err_write);
  Result result{};
  bool in_time =
      exchange(in_write, command.input, out_read, err_read, result, Clock::now() + command.timeout);
  if (!in_time) kill(pid, SIGKILL);
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  close(out_read);
  close(err_read);
  ::signal(SIGPIPE, old_handler);
  result.status = exit_status(raw);
  INFO(command.argv[0] << " ran longer than " << command.timeout.count() << " s; stderr: " << result.error);
  REQUIRE(in_time);
  return result;
}

Background::Background(const Command& command) : timeout_(command.timeout) {
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  auto [out_read, out_write] = make_pipe();
  auto [err_read, err_write] = make_pipe();
  pid_ = start(command, nothing, out_write, err_write);
  close(nothing);
  close(out_write);
  close(err_write);
  output_ = out_read;
  error_ = err_read;
}

Background::~Background() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  if (error_ >= 0) close(error_);
}

void Background::signal(int number) const {
  REQUIRE(pid_ > 0);
  kill(pid_, number);
}

Result Background::wait() {
  Result result{};
  bool in_time = exchange(-1, {}, output_, error_, result, Clock::now() + timeout_);
  if (!in_time) kill(pid_, SIGKILL);
  int raw = 0;
  while (waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  result.status = exit_status(raw);
  INFO("the background program ran longer than " << timeout_.count() << " s; stderr: " << result.error);
  REQUIRE(in_time);
  return result;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  auto end = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace paxect::test
