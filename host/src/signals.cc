#include "signals.h"

#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <initializer_list>
#include <new>
#include <system_error>

namespace paxect::host {
namespace {

// Within it, the same signal counts once.
constexpr std::chrono::milliseconds kRepeatTime{50};

sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

}  // namespace

BlockedSignals::BlockedSignals() {
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, &former_);  // fails for an unknown first argument only
}

void BlockedSignals::restore() const { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

Signals::Signals(StopRequest& stop, const Log& log) : stop_(stop), log_(log) {
  const sigset_t signals = handled_signals();
  fd_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), "signalfd");
}

bool Signals::read_pending(const std::function<std::string()>& awaited) {
  bool reload = false;
  signalfd_siginfo signal{};
  while (read(fd_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGHUP) {
      reload = true;
      continue;
    }
    // timeout(1) signals the process and its group: that is one request.
    const bool is_repeated = signal.ssi_signo == last_signal_ && Clock::now() - received_ < kRepeatTime;
    if (stop_received_ && is_repeated) continue;
    last_signal_ = signal.ssi_signo;
    received_ = Clock::now();
    if (stop_received_) {
      try {
        log_.write_if_ready(PAXECT_LOG_ERROR, "second signal: exiting without waiting for " + awaited());
      } catch (const std::bad_alloc&) {  // The exit status alone reports it.
      }
      _exit(128 + static_cast<int>(signal.ssi_signo));
    }
    stop_received_ = true;
    stop_.request();
  }
  return reload;
}

}  // namespace paxect::host
