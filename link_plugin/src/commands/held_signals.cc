#include "commands/held_signals.h"

#include <pthread.h>

#include <array>

namespace paxect::link {
namespace {

constexpr std::array kRequests = {SIGINT, SIGTERM, SIGHUP};

// One that is ignored would arrive all the same while it is blocked.
bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

HeldSignals::HeldSignals() {
  sigemptyset(&held_);
  for (int signal : kRequests)
    if (!is_ignored(signal)) sigaddset(&held_, signal);
  pthread_sigmask(SIG_BLOCK, &held_, &former_);
}

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

bool HeldSignals::arrived() const {
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  for (int signal : kRequests)
    if (sigismember(&held_, signal) == 1 && sigismember(&pending, signal) == 1) return true;
  return false;
}

}  // namespace paxect::link
