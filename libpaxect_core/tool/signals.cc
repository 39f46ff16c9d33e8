#include "signals.h"

#include <csignal>
#include <cstdlib>
#include <initializer_list>

namespace paxect::tool {
namespace {

// Global because a signal handler has no arguments of its own.
volatile std::sig_atomic_t g_signal = 0;

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int number) {
    g_signal = number;
  };  // no SA_RESTART: blocked reads and writes must return
  sigemptyset(&action.sa_mask);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    sigaction(number, nullptr, &old);
    if (old.sa_handler != SIG_IGN) sigaction(number, &action, nullptr);  // nohup stays effective
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

int stop_requested() { return g_signal; }

std::int32_t stop_on_signal(void* /*opaque*/, std::uint64_t /*bytes_in*/, std::uint64_t /*bytes_out*/) {
  return stop_requested() != 0 ? 1 : 0;
}

void die_of_signal() {
  int number = stop_requested();
  std::signal(number, SIG_DFL);
  std::raise(number);
  std::_Exit(128 + number);
}

}  // namespace paxect::tool
