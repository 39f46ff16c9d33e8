#include "external_core.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "unique_fd.h"

extern char** environ;

namespace paxect::link {
namespace {

constexpr std::size_t kMessageLimit = 400;
constexpr int kStopInterval = 100;  // milliseconds between two looks at `stop`

// posix_spawn(3)'s settings: no input, no output, errors into our pipe, default signals.
class SpawnSettings {
 public:
  explicit SpawnSettings(int errors) {
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
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
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

// Collects what it says until it closes the pipe; true when it had to be killed.
bool listen(int errors, pid_t pid, const std::function<bool()>& stop, std::string* said) {
  bool killed = false;
  for (;;) {
    pollfd watched{errors, POLLIN, 0};
    int ready = poll(&watched, 1, kStopInterval);
    if (!killed && stop()) {
      kill(pid, SIGKILL);
      killed = true;
    }
    if (ready <= 0) continue;
    std::array<char, 4096> buffer;
    ssize_t got = read(errors, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return killed;
    said->append(buffer.data(), static_cast<std::size_t>(got));
    if (said->size() > kMessageLimit) said->erase(0, said->size() - kMessageLimit);
  }
}

}  // namespace

Status run_external_core(const std::vector<std::string>& command, const std::string& verb,
                         const std::string& input, const std::string& output, const std::string& event,
                         const std::function<bool()>& stop) {
  std::vector<std::string> words = command;
  words.insert(words.end(), {verb, "-i", input, "-o", output});
  std::vector<char*> arguments;
  for (std::string& text : words) arguments.push_back(text.data());
  arguments.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Status::environment("cannot make a pipe for the core");
  UniqueFd errors(ends[0]);
  UniqueFd writer(ends[1]);
  SpawnSettings settings(writer.get());
  pid_t pid = 0;
  int error =
      posix_spawnp(&pid, arguments[0], settings.actions(), settings.attributes(), arguments.data(), environ);
  writer.reset();
  if (error != 0)
    return Status::environment("cannot run core '" + words[0] +
                               "': " + std::generic_category().message(error));

  std::string said;
  bool killed = listen(errors.get(), pid, stop, &said);
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  if (killed) return Status::failure(Fault::kStopped, event, "stopped");
  if (WIFEXITED(raw) && WEXITSTATUS(raw) == 0) return Status::success();
  while (said.ends_with('\n')) said.pop_back();
  int status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  Fault fault = status == 2 || status == 4 ? Fault::kIntegrity : Fault::kRefused;
  return Status::failure(fault, event,
                         "core '" + words[0] + " " + verb + "' ended with status " + std::to_string(status) +
                             (said.empty() ? "" : ": " + said));
}

}  // namespace paxect::link
