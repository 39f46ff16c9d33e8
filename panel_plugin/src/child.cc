#include "child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <system_error>
#include <utility>

namespace paxect::panel {
namespace {

constexpr int kNice = 10;  // a relay that has work to do comes first

// posix_spawn's two structures, freed with their owner.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // The host blocks or ignores five signals; a program expects the usual ones. A process group of its own
  // ends with it.
  int prepare(int output, int error) {
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ}) sigaddset(&usual, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &usual);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int failure = posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failure == 0) failure = posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    if (failure == 0) failure = posix_spawn_file_actions_adddup2(&actions_, error, STDERR_FILENO);
    return failure;
  }
  int spawn(const std::vector<std::string>& words, int* pid) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return posix_spawn(pid, arguments.front(), &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

bool open_pipe(UniqueFd* reader, UniqueFd* writer) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  *reader = UniqueFd(ends[0]);
  *writer = UniqueFd(ends[1]);
  return fcntl(reader->get(), F_SETFL, O_NONBLOCK) == 0;
}

std::uint64_t nanoseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_usec) * 1000;
}

// Reads what there is, keeps at most `limit` bytes. False when there were more.
bool read_some(int fd, std::size_t limit, std::string* out) {
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count <= 0) return true;
    const auto size = static_cast<std::size_t>(count);
    out->append(buffer.data(), std::min(size, limit - std::min(limit, out->size())));
    if (out->size() >= limit) return false;
  }
}

}  // namespace

Runner::~Runner() { close(); }

bool Runner::run(std::vector<std::string> words, std::uint64_t limit_ns, Done done) {
  if (is_closed_ || queued_.size() >= kMaxQueued) return false;
  auto job = std::make_unique<Job>();
  job->words = std::move(words);
  job->limit_ns = limit_ns;
  job->done = std::move(done);
  queued_.push_back(std::move(job));
  start_queued();
  return true;
}

void Runner::start_queued() {
  while (!queued_.empty() && running_.size() < kMaxRunning) {
    std::unique_ptr<Job> job = std::move(queued_.front());
    queued_.pop_front();
    Job* plain = job.get();
    running_.push_back(std::move(job));
    if (start(plain)) continue;
    plain->end.started = false;
    // At once, and not from within run(): its caller is not prepared for that.
    plain->deadline_ns = 0;
  }
}

bool Runner::start(Job* job) {
  UniqueFd output;
  UniqueFd error;
  SpawnPlan plan;
  int failure = 0;
  if (!open_pipe(&job->output, &output) || !open_pipe(&job->error, &error)) failure = errno;
  if (failure == 0) failure = plan.prepare(output.get(), error.get());
  if (failure == 0) failure = plan.spawn(job->words, &job->pid);
  if (failure == 0) {
    setpriority(PRIO_PROCESS, static_cast<id_t>(job->pid), kNice);
    job->deadline_ns = now_ns_ + job->limit_ns;
    job->process = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, job->pid, 0)));
    if (job->process.valid() && watch(job)) return true;
    failure = errno;
    kill(-job->pid, SIGKILL);
    waitpid(job->pid, nullptr, 0);
  } else {
    job->pid = 0;
  }
  job->end.error = "cannot run " + job->words.front() + ": " + std::generic_category().message(failure);
  return false;
}

bool Runner::watch(Job* job) {
  auto add = [&](int fd, const Events::Function& function) {
    job->watched.push_back(events_->add(fd, EPOLLIN, function));
    return job->watched.back() != 0;
  };
  const auto drain_pipe = [this, job](std::size_t index) {
    return [this, job, index](std::uint32_t events) {
      if ((events & EPOLLIN) != 0) return drain(job);
      events_->remove(job->watched[index]);  // closed: without this, epoll would report it again and again
    };
  };
  return add(job->output.get(), drain_pipe(0)) && add(job->error.get(), drain_pipe(1)) &&
         add(job->process.get(), [this, job](std::uint32_t) { finish(job); });
}

void Runner::drain(Job* job) {
  read_some(job->error.get(), kMaxError, &job->end.error);
  if (read_some(job->output.get(), kMaxOutput, &job->end.output)) return;
  job->end.output.clear();
  job->end.error = "it printed more than 16 MiB";
  kill(-job->pid, SIGKILL);
}

void Runner::finish(Job* job) {
  drain(job);
  int status = 0;
  kill(-job->pid, SIGKILL);  // what it left running, while its number is still its own
  rusage used{};
  wait4(job->pid, &status, 0, &used);
  job->end.processor_ns = nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime);
  job->end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  forget(job);
}

// Calls `done`, and frees the job.
void Runner::forget(Job* job) {
  for (const Events::Id id : job->watched) events_->remove(id);
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const auto& each) { return each.get() == job; });
  const std::unique_ptr<Job> owned = std::move(*found);
  running_.erase(found);
  if (owned->done) owned->done(std::move(owned->end));
  start_queued();
}

std::uint64_t Runner::expire() {
  std::vector<Job*> failed;
  std::vector<Done> late;
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  for (const std::unique_ptr<Job>& job : running_) {
    if (!job->end.started) {
      failed.push_back(job.get());
    } else if (job->deadline_ns <= now_ns_) {
      // It keeps its slot until it has ended, which the kernel may delay while a disk does not answer.
      kill(-job->pid, SIGKILL);
      job->deadline_ns = std::numeric_limits<std::uint64_t>::max();
      late.push_back(std::exchange(job->done, nullptr));
    } else {
      next = std::min(next, job->deadline_ns);
    }
  }
  for (Job* job : failed) forget(job);
  for (const Done& done : late) {
    CommandEnd end;
    end.late = true;
    end.error = "it took too long";
    if (done) done(std::move(end));
  }
  return failed.empty() && late.empty() ? next : now_ns_;
}

void Runner::close() {
  is_closed_ = true;
  Jobs all = std::exchange(running_, {});
  for (std::unique_ptr<Job>& job : std::exchange(queued_, {})) all.push_back(std::move(job));
  for (const std::unique_ptr<Job>& job : all) {
    for (const Events::Id id : job->watched) events_->remove(id);
    if (job->pid != 0) {
      kill(-job->pid, SIGKILL);
      waitpid(job->pid, nullptr, WNOHANG);  // one that a disk holds would hold the stop
    }
    CommandEnd end;
    end.started = false;
    end.error = job->pid == 0 ? "not begun: the panel stopped" : "ended: the panel stopped";
    if (job->done) job->done(std::move(end));
  }
}

}  // namespace paxect::panel
