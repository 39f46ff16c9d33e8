#include "control_loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "guard.h"

namespace paxect::host {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kLongestThreadName = 15;

timespec time_until(std::uint64_t wake_at_ns) {
  std::uint64_t now_ns = monotonic_now_ns();
  std::uint64_t left = wake_at_ns > now_ns ? wake_at_ns - now_ns : 0;
  return {static_cast<time_t>(left / kNanosecondsPerSecond), static_cast<long>(left % kNanosecondsPerSecond)};
}

UniqueFd new_event() {
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) throw std::system_error(errno, std::generic_category(), "eventfd");
  return event;
}

// Sleeps until the step's time has come, one of its watches is ready, or a stop or a reload is requested.
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
  // Waiting on a closed descriptor returns at once, again and again: better an error than a busy loop.
  for (const pollfd& each : polled)
    if ((each.revents & POLLNVAL) != 0)
      return internal_error("step watches descriptor " + std::to_string(each.fd) + ", which is not open");
  return {};
}

}  // namespace

ControlLoop::ControlLoop(std::vector<std::unique_ptr<PluginInstance>> instances, StopRequest& stop,
                         const RunContext& run)
    : instances_(std::move(instances)),
      stop_(stop),
      run_(run),
      progress_(std::make_unique<Progress[]>(instances_.size())),
      progress_event_(new_event()),
      initialised_(static_cast<std::ptrdiff_t>(instances_.size())) {
  for (std::size_t i = 0; i < instances_.size(); ++i) reload_requests_.push_back(new_event());
}

int ControlLoop::run() {
  Signals signals;
  std::vector<std::jthread> threads;
  threads.reserve(instances_.size());
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    try {
      threads.emplace_back([this, i] { live(i); });
    } catch (const std::system_error& error) {
      record(i, internal_error(std::string("cannot start a thread: ") + error.what()));
      // For those that will never arrive: the others must not wait for them.
      initialised_.count_down(static_cast<std::ptrdiff_t>(instances_.size() - i));
      for (std::size_t missing = i; missing < instances_.size(); ++missing) finish(missing);
      break;
    }
  }
  supervise(signals);
  threads.clear();
  std::lock_guard lock(failure_mutex_);
  if (failure_) return failure_->code;
  return incomplete_ ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

// ---- the main thread -----------------------------------------------------------------------------------

void ControlLoop::supervise(const Signals& signals) {
  std::array<pollfd, 2> polled{{{signals.fd(), POLLIN, 0}, {progress_event_.get(), POLLIN, 0}}};
  auto is_finished = [&](std::size_t i) { return progress_[i].finished.load(); };
  for (;;) {
    poll(polled.data(), polled.size(), poll_timeout());
    hear_signal(signals.take());
    eventfd_t news = 0;
    eventfd_read(progress_event_.get(), &news);
    tell_progress();
    tell_life();
    std::size_t finished = 0;
    while (finished < instances_.size() && is_finished(finished)) ++finished;
    if (finished == instances_.size()) return;
  }
}

void ControlLoop::hear_signal(int number) {
  if (number == SIGHUP) {
    // A reload before all have started is answered by READY as well.
    if (ready_told_) manager_.reloading();
    ++reloads_asked_;
    for (const UniqueFd& request : reload_requests_) eventfd_write(request.get(), 1);
  } else if (number != 0) {
    if (stop_signal_) {
      run_.log.write("second signal: leaving without waiting for what is still running");
      _exit(128 + number);
    }
    stop_signal_ = true;
    stop_.request();
  }
}

void ControlLoop::tell_progress() {
  if (stop_.requested()) {
    if (!std::exchange(stop_told_, true)) manager_.stopping(stop_signal_ ? "stopping" : "");
    return;
  }
  std::uint64_t answered = reloads_asked_;
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    if (progress_[i].finished) continue;
    if (!progress_[i].started) return;
    answered = std::min<std::uint64_t>(answered, progress_[i].reloads);
  }
  bool all = answered == reloads_asked_;
  if (!all || (ready_told_ && answered == reloads_told_)) return;
  ready_told_ = true;
  reloads_told_ = answered;
  manager_.ready("running: " + names());
}

// Only while every instance goes round, or the kernel holds it.
void ControlLoop::tell_life() {
  if (!manager_.watchdog_ns()) return;
  std::uint64_t now = monotonic_now_ns();
  bool alive = std::all_of(instances_.begin(), instances_.end(), [&](const auto& instance) {
    return instance->heartbeat().is_alive(now, *manager_.watchdog_ns());
  });
  if (alive || waits_for_device()) manager_.alive();
}

// In milliseconds, for poll; a third of the watchdog's time, so that one late wake-up does no harm.
int ControlLoop::poll_timeout() const {
  if (!manager_.watchdog_ns()) return -1;
  constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
  return static_cast<int>(std::min<std::uint64_t>(
      *manager_.watchdog_ns() / 3 / kNanosecondsPerMillisecond + 1, std::numeric_limits<int>::max()));
}

std::string ControlLoop::names() const {
  std::string list;
  for (std::size_t i = 0; i < instances_.size(); ++i)
    if (!progress_[i].finished) list += (list.empty() ? "" : ", ") + instances_[i]->name();
  return list;
}

// ---- an instance's thread ------------------------------------------------------------------------------

void ControlLoop::announce(std::size_t index) {
  progress_[index].started = true;
  eventfd_write(progress_event_.get(), 1);
}

void ControlLoop::finish(std::size_t index) {
  instances_[index]->heartbeat().rest();
  progress_[index].finished = true;
  eventfd_write(progress_event_.get(), 1);
}

void ControlLoop::live(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  pthread_setname_np(pthread_self(), instance.name().substr(0, kLongestThreadName).c_str());
  Status status = instance.create();
  if (status.ok()) status = instance.init();
  if (!status.ok()) record(index, status);
  initialised_.arrive_and_wait();
  if (!stop_.requested()) {
    status = work(index);
    // Before stop, so that the others hear of it without waiting for this one's tidying up.
    if (!status.ok()) record(index, status);
    Status stopped = instance.stop();
    if (!stopped.ok()) record(index, stopped);
  } else if (run_.once) {
    incomplete_ = true;
  }
  Status destroyed = instance.destroy();
  if (!destroyed.ok()) record(index, destroyed);
  finish(index);
}

Status ControlLoop::work(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  const UniqueFd& reload_request = reload_requests_[index];
  instance.heartbeat().sign();
  Status status = instance.start();
  if (status.ok()) announce(index);
  paxect_step step{};
  while (status.ok()) {
    if (stop_.requested()) {
      if (run_.once) incomplete_ = true;
      break;
    }
    eventfd_t signals = 0;
    instance.heartbeat().sign();
    if (eventfd_read(reload_request.get(), &signals) == 0) {
      std::uint64_t asked = reloads_asked_;
      status = reload(instance);
      progress_[index].reloads = asked;
      eventfd_write(progress_event_.get(), 1);
    }
    if (status.ok()) status = instance.step(&step);
    if (!status.ok()) break;
    if (step.state == PAXECT_STEP_WAIT) {
      instance.heartbeat().rest();
      status = wait(step, stop_, reload_request);
    }
    if (step.state == PAXECT_STEP_DONE) {
      if (step.outcome == PAXECT_PLUGIN_INCOMPLETE) incomplete_ = true;
      break;
    }
  }
  return status;
}

// A failure is one that ends the run.
Status ControlLoop::reload(PluginInstance& instance) {
  bool offered = false;
  Status status = instance.reload(&offered);
  if (status.code() == PAXECT_PLUGIN_INTERNAL) return status;
  if (!status.ok()) instance.report(status);
  if (!offered)
    run_.log.write(instance.name(), PAXECT_LOG_WARN,
                   "SIGHUP ignored: plugin " + instance.plugin().name + " has nothing to reload");
  return {};
}

void ControlLoop::record(std::size_t index, const Status& failure) {
  instances_[index]->report(failure);
  manager_.failed(instances_[index]->name() + ": " + failure.message());
  {
    std::lock_guard lock(failure_mutex_);
    bool before_start = !initialised_.try_wait();
    if (!failure_ || (before_start && index < failure_->index)) failure_ = {index, failure.code()};
  }
  stop_.request();
}

}  // namespace paxect::host
