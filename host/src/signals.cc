#include "signals.h"

#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <system_error>

namespace paxect::host {

Signals::Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  fd_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), "signalfd");
  int error = pthread_sigmask(SIG_BLOCK, &signals, &former_);
  if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_sigmask");
}

Signals::~Signals() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

int Signals::take() const {
  signalfd_siginfo signal{};
  ssize_t got = read(fd_.get(), &signal, sizeof signal);
  return got == sizeof signal ? static_cast<int>(signal.ssi_signo) : 0;
}

}  // namespace paxect::host
