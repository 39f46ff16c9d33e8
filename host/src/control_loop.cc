#include "control_loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

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
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  std::uint64_t now_ns = static_cast<std::uint64_t>(now.tv_sec) * kNanosecondsPerSecond +
                         static_cast<std::uint64_t>(now.tv_nsec);
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
      finished_event_(new_event()),
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
      auto missing = instances_.size() - i;
      initialised_.count_down(static_cast<std::ptrdiff_t>(missing));
      eventfd_write(finished_event_.get(), missing);
      break;
    }
  }
  watch_signals(signals);
  threads.clear();
  std::lock_guard lock(failure_mutex_);
  if (failure_) return failure_->code;
  return incomplete_ ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

void ControlLoop::watch_signals(const Signals& signals) {
  bool told = false;
  std::array<pollfd, 2> polled{{{signals.fd(), POLLIN, 0}, {finished_event_.get(), POLLIN, 0}}};
  for (std::size_t finished = 0; finished < instances_.size();) {
    poll(polled.data(), polled.size(), -1);
    int number = signals.take();
    if (number == SIGHUP) {
      for (const UniqueFd& request : reload_requests_) eventfd_write(request.get(), 1);
    } else if (number != 0) {
      if (told) {
        run_.log.write("second signal: leaving without waiting for what is still running");
        _exit(128 + number);
      }
      told = true;
      stop_.request();
    }
    eventfd_t count = 0;
    if (eventfd_read(finished_event_.get(), &count) == 0) finished += count;
  }
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
  eventfd_write(finished_event_.get(), 1);
}

Status ControlLoop::work(std::size_t index) {
  PluginInstance& instance = *instances_[index];
  const UniqueFd& reload_request = reload_requests_[index];
  Status status = instance.start();
  paxect_step step{};
  while (status.ok()) {
    if (stop_.requested()) {
      if (run_.once) incomplete_ = true;
      break;
    }
    eventfd_t signals = 0;
    if (eventfd_read(reload_request.get(), &signals) == 0) status = reload(instance);
    if (status.ok()) status = instance.step(&step);
    if (!status.ok()) break;
    if (step.state == PAXECT_STEP_WAIT) status = wait(step, stop_, reload_request);
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
  {
    std::lock_guard lock(failure_mutex_);
    bool before_start = !initialised_.try_wait();
    if (!failure_ || (before_start && index < failure_->index)) failure_ = {index, failure.code()};
  }
  stop_.request();
}

}  // namespace paxect::host
