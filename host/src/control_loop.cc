#include "control_loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "names.h"
#include "resources.h"

namespace paxect::host {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
// How long an instance may go without a heartbeat where no watchdog sets the time.
constexpr std::uint64_t kDefaultLivenessLimit = 30 * kNanosecondsPerSecond;
// Until a report is tried again that the service manager or the memory had no room for.
constexpr int kRetryMilliseconds = 50;

timespec time_until(std::uint64_t wake_at_ns) {
  std::uint64_t now_ns = monotonic_now_ns();
  std::uint64_t left = wake_at_ns > now_ns ? wake_at_ns - now_ns : 0;
  return {static_cast<time_t>(left / kNanosecondsPerSecond), static_cast<long>(left % kNanosecondsPerSecond)};
}

// Blocks until the step's time has come, one of its watches is ready, or a stop or a reload is requested.
Status wait(const paxect_step& step, const StopRequest& stop, const UniqueFd& reload) {
  std::vector<pollfd> polled{{stop.fd(), POLLIN, 0}, {reload.get(), POLLIN, 0}};
  for (std::uint32_t i = 0; i < step.watch_count; ++i)
    polled.push_back({step.watches[i].fd, step.watches[i].events, 0});
  for (;;) {
    timespec left = time_until(step.wake_at_ns);
    int ready = ppoll(polled.data(), polled.size(), step.wake_at_ns == kNever ? nullptr : &left, nullptr);
    if (ready >= 0) break;
    if (errno != EINTR) return internal_error("poll: " + std::generic_category().message(errno));
  }
  // poll() returns at once for a closed descriptor: an error instead of a busy loop.
  for (const pollfd& each : polled)
    if ((each.revents & POLLNVAL) != 0)
      return internal_error("step watches descriptor " + std::to_string(each.fd) + ", which is not open");
  return {};
}

std::vector<std::string> names_of(const std::vector<std::unique_ptr<PluginInstance>>& instances) {
  std::vector<std::string> names;
  names.reserve(instances.size());
  for (const auto& instance : instances) names.push_back(instance->name());
  return names;
}

}  // namespace

ControlLoop::ControlLoop(std::vector<std::unique_ptr<PluginInstance>> instances, Signals& signals,
                         StopRequest& stop, const RunContext& run)
    : instances_(std::move(instances)),
      device_wait_(names_of(instances_)),
      signals_(signals),
      stop_(stop),
      run_(run),
      progress_(std::make_unique<Progress[]>(instances_.size())),
      progress_event_(new_event()),
      initialised_(static_cast<std::ptrdiff_t>(instances_.size())) {
  for (std::size_t i = 0; i < instances_.size(); ++i) reload_requests_.push_back(new_event());
}

int ControlLoop::run() {
  std::vector<std::jthread> threads;
  threads.reserve(instances_.size());
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    Status status = start_thread(threads, i);
    if (status.ok()) continue;
    record(i, status);
    // Those that have a thread must not wait for the ones that will never arrive.
    initialised_.count_down(static_cast<std::ptrdiff_t>(instances_.size() - i));
    for (std::size_t missing = i; missing < instances_.size(); ++missing) finish(missing);
    break;
  }
  supervise();
  threads.clear();
  std::lock_guard lock(failure_mutex_);
  if (failure_) return failure_->code;
  return incomplete_ ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

// ---- the main thread -----------------------------------------------------------------------------------

Status ControlLoop::start_thread(std::vector<std::jthread>& threads, std::size_t index) {
  try {
    try {
      threads.emplace_back([this, index] { run_instance(index); });
    } catch (const std::system_error& error) {
      return thread_error(error);
    }
  } catch (const std::bad_alloc&) {
    return internal_error("out of memory");  // short enough to need no memory
  }
  return {};
}

void ControlLoop::supervise() {
  std::array<pollfd, 2> polled{{{signals_.fd(), POLLIN, 0}, {progress_event_.get(), POLLIN, 0}}};
  for (;;) {
    // Before the report, which then has what the last of them failed of.
    const bool all_finished = std::all_of(progress_.get(), progress_.get() + instances_.size(),
                                          [](const Progress& each) { return each.finished.load(); });
    const int timeout = report();
    if (all_finished) return;
    poll(polled.data(), polled.size(), timeout);
    if (signals_.read_pending([this] { return awaited(); })) reload_pending_ = true;
    eventfd_t events = 0;
    eventfd_read(progress_event_.get(), &events);
  }
}

// Returns the timeout of the next poll. What fails for lack of memory is tried again soon.
int ControlLoop::report() {
  try {
    request_reload();
    report_state();
    report_liveness();
    remind();
    return poll_timeout();
  } catch (const std::bad_alloc&) {
    return kRetryMilliseconds;
  }
}

void ControlLoop::request_reload() {
  if (!reload_pending_ || stop_.requested()) return;
  // A reload before all have started is answered by READY as well.
  if (ready_reported_) manager_.reloading(last_state_ = "reloading");
  ++reloads_requested_;
  for (const UniqueFd& request : reload_requests_) eventfd_write(request.get(), 1);
  reload_pending_ = false;
}

ControlLoop::Phase ControlLoop::phase() const {
  if (stop_.requested()) return Phase::kStopping;
  bool answered = true;
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    if (progress_[i].finished) continue;
    if (!progress_[i].started) return Phase::kStarting;
    if (progress_[i].reloads < reloads_requested_) answered = false;
  }
  return answered ? Phase::kRunning : Phase::kReloading;
}

// One line for `systemctl status`: the first failure, or the phase and the instances that it is about.
std::string ControlLoop::state_text(Phase phase) const {
  {
    std::lock_guard lock(failure_mutex_);
    if (failure_) return instances_[failure_->index]->name() + ": " + failure_->text;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    const Progress& progress = progress_[i];
    bool is_meant = !progress.finished;
    if (phase == Phase::kStarting) is_meant = is_meant && !progress.started;
    if (phase == Phase::kReloading) is_meant = is_meant && progress.reloads < reloads_requested_;
    if (is_meant) names.push_back(instances_[i]->name());
  }
  if (names.empty()) return phase == Phase::kStopping ? "stopped" : "done";
  static constexpr std::array<const char*, 4> kPhases{"starting: ", "running: ", "reloading: ", "stopping: "};
  return kPhases.at(static_cast<std::size_t>(phase)) + list(names);
}

void ControlLoop::report_state() {
  const Phase now = phase();
  const std::string text = state_text(now);
  if (now == Phase::kStopping && !stopping_reported_) {
    manager_.stopping(text);
    stopping_reported_ = true;
  } else if (now == Phase::kRunning && (!ready_reported_ || reloads_reported_ != reloads_requested_)) {
    manager_.ready(text);
    ready_reported_ = true;
    reloads_reported_ = reloads_requested_;
  } else if (text != last_state_) {
    manager_.status(text);
  }
  last_state_ = text;
}

bool ControlLoop::is_alive(std::size_t index, std::uint64_t now_ns, std::uint64_t limit_ns) const {
  return instances_[index]->heartbeat().is_alive(now_ns, limit_ns);
}

// The watchdog is fed while every instance makes progress or is held by the kernel. The timeout of a start, a
// reload or a stop is extended while every instance makes progress: what the kernel holds may never return.
void ControlLoop::report_liveness() {
  if (!manager_.is_present()) return;
  const std::uint64_t now = monotonic_now_ns();
  const std::uint64_t limit = manager_.watchdog_ns().value_or(kDefaultLivenessLimit);
  bool alive = true;
  bool hung = false;
  for (std::size_t i = 0; i < instances_.size() && !hung; ++i) {
    if (is_alive(i, now, limit)) continue;
    alive = false;
    hung = !device_wait_.holds(i);
  }
  if (manager_.watchdog_ns() && !hung) manager_.alive();
  if (alive && phase() != Phase::kRunning) manager_.extend_timeout(limit);
}

// An instance that the stop waits for, and whether its call makes progress.
std::string ControlLoop::awaited(std::size_t index, std::uint64_t now_ns) const {
  const std::uint64_t silence = instances_[index]->heartbeat().silence_ns(now_ns).value_or(0);
  const std::string name = "[" + instances_[index]->name() + "]";
  if (silence < kNanosecondsPerSecond) return name + " (working)";
  return name + " (silent for " + std::to_string(silence / kNanosecondsPerSecond) + " s" +
         (device_wait_.holds(index) ? ", waits for a disk or a server)" : ")");
}

std::string ControlLoop::awaited() const {
  const std::uint64_t now = monotonic_now_ns();
  std::vector<std::string> calls;
  std::vector<std::string> others;
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    if (progress_[i].finished) continue;
    // One without a call in progress only waits for the others, or has not seen the stop yet.
    if (instances_[i]->heartbeat().silence_ns(now))
      calls.push_back(awaited(i, now));
    else
      others.push_back("[" + instances_[i]->name() + "] (between two calls)");
  }
  if (!calls.empty()) return list(calls);
  return others.empty() ? "the end of the process" : list(others);
}

void ControlLoop::remind() {
  if (!reminder_.is_due(stop_.requested(), monotonic_now_ns())) return;
  run_.log.write_if_ready(PAXECT_LOG_WARN, "the stop waits for " + awaited() + ": " + signals_.remedy());
}

// In milliseconds, for poll: when to report again. For the service manager that is a third of the time that a
// sign of life is good for, so that one late wake-up does no harm; soon, when the manager is too busy to take
// a message.
int ControlLoop::poll_timeout() {
  if (manager_.send_pending()) return kRetryMilliseconds;
  const int reminder = reminder_.timeout(monotonic_now_ns());
  if (!manager_.is_present() || (!manager_.watchdog_ns() && phase() == Phase::kRunning)) return reminder;
  std::uint64_t limit = manager_.watchdog_ns().value_or(kDefaultLivenessLimit);
  const auto report = static_cast<int>(
      std::min<std::uint64_t>(limit / 3 / kNanosecondsPerMillisecond + 1, std::numeric_limits<int>::max()));
  return reminder < 0 ? report : std::min(report, reminder);
}

// ---- an instance's thread ------------------------------------------------------------------------------

void ControlLoop::run_instance(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  pthread_setname_np(pthread_self(), device_wait_.thread_name(index).c_str());
  attempt(index, [&] { return initialise(index); });
  instance.heartbeat().pause();
  initialised_.arrive_and_wait();
  if (!stop_.requested()) {
    // A failure is recorded before stop, so that the others are stopped without waiting for this one.
    attempt(index, [&] { return work(index); });
    attempt(index, [&] { return instance.stop(); });
  } else if (run_.once) {
    incomplete_ = true;
  }
  attempt(index, [&] { return instance.destroy(); });
  finish(index);
}

Status ControlLoop::initialise(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  Status status = instance.create();
  if (status.ok()) status = instance.init();
  if (status.ok()) instance.report_unread_variables();
  return status;
}

Status ControlLoop::work(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  const UniqueFd& reload_request = reload_requests_[index];
  Status status = instance.start();
  if (!status.ok()) return status;
  progress_[index].started = true;
  wake_main();
  paxect_step step{};
  for (;;) {
    if (stop_.requested()) {
      if (run_.once) incomplete_ = true;
      return {};
    }
    eventfd_t requests = 0;
    if (eventfd_read(reload_request.get(), &requests) == 0) {
      status = reload(index);
      if (!status.ok()) return status;
    }
    status = instance.step(&step);
    if (!status.ok()) return status;
    if (step.state == PAXECT_STEP_DONE) {
      if (step.outcome == PAXECT_PLUGIN_INCOMPLETE) incomplete_ = true;
      return {};
    }
    if (step.state == PAXECT_STEP_WAIT) {
      instance.heartbeat().pause();
      status = wait(step, stop_, reload_request);
      if (!status.ok()) return status;
    }
  }
}

// Only a defect of the plugin is returned, which ends the run.
Status ControlLoop::reload(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  // Read before the call: a SIGHUP during it takes another reload.
  const std::uint64_t requested = reloads_requested_;
  bool offered = false;
  Status status = instance.reload(&offered);
  if (status.code() == PAXECT_PLUGIN_INTERNAL) return status;
  if (!status.ok()) instance.report(status);
  if (!offered)
    run_.log.write(instance.name(), PAXECT_LOG_WARN,
                   "SIGHUP ignored: plugin " + instance.plugin().name + " has nothing to reload");
  progress_[index].reloads = requested;
  wake_main();
  return {};
}

// Records a failure of the call, and an exception of the host itself.
void ControlLoop::attempt(std::size_t index, const std::function<Status()>& call) {
  Status status;
  try {
    status = call();
  } catch (const std::bad_alloc&) {
    status = internal_error("out of memory");
  } catch (const std::exception& error) {
    status = internal_error(error.what());
  }
  if (!status.ok()) record(index, status);
}

void ControlLoop::finish(std::size_t index) {
  instances_[index]->heartbeat().pause();
  progress_[index].finished = true;
  wake_main();
}

// ---- both ----------------------------------------------------------------------------------------------

void ControlLoop::record(std::size_t index, const Status& failure) {
  Failure entry{index, failure.code(), {}};
  try {
    entry.text = failure.message();
    instances_[index]->report(failure);
  } catch (const std::bad_alloc&) {
    static constexpr std::string_view kLine = "paxect: out of memory\n";
    std::ignore = write(STDERR_FILENO, kLine.data(), kLine.size());
  }
  {
    std::lock_guard lock(failure_mutex_);
    bool before_start = !initialised_.try_wait();
    if (!failure_ || (before_start && index < failure_->index)) failure_ = std::move(entry);
  }
  stop_.request();
  wake_main();
}

void ControlLoop::wake_main() const { eventfd_write(progress_event_.get(), 1); }

}  // namespace paxect::host
