#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>

#include "base/unique_fd.h"

namespace paxect::link {
namespace {

constexpr std::size_t kSaidLimit = 4096;
constexpr int kStopInterval = 100;          // milliseconds between two looks at `stop`
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

// Collects what it says until the pipe is closed. What it started may hold that on when it has ended, or was
// killed: such a process is given a moment for its last words.
void listen(int errors, pid_t pid, const Child& child, ChildEnd* end) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const pid_t target = child.own_group ? -pid : pid;
  auto told = begin;  // to end
  std::optional<Clock::time_point> over;
  for (;;) {
    pollfd watched{errors, POLLIN, 0};
    int ready = poll(&watched, 1, kStopInterval);
    const auto now = Clock::now();
    if (over) {
      if (now - *over > kLinger) break;
    } else if (has_ended(pid)) {
      over = now;
    } else if (!end->stopped && !end->late) {
      end->stopped = child.stop();
      end->late =
          !end->stopped && child.limit_ns != 0 && now - begin > std::chrono::nanoseconds(child.limit_ns);
      if (end->stopped || end->late) {
        kill(target, child.stop_signal);
        told = now;
        if (child.stop_signal == SIGKILL) over = now;
      }
    } else if (now - told > kGrace) {
      kill(target, SIGKILL);
      over = now;
    }
    if (ready <= 0) continue;
    std::array<char, 4096> buffer;
    ssize_t got = read(errors, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    end->said.append(buffer.data(), static_cast<std::size_t>(got));
    if (end->said.size() > kSaidLimit) end->said.erase(0, end->said.size() - kSaidLimit);
  }
  // The group keeps its number as long as its leader was not waited for.
  if (child.own_group) kill(target, SIGKILL);
}

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

  listen(errors.get(), pid, child, end);
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  while (end->said.ends_with('\n')) end->said.pop_back();
  end->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return Status::success();
}

}  // namespace paxect::link
