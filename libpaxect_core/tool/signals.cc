#include "signals.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "temporary_file.h"

namespace paxect::tool {
namespace {

constexpr itimerspec kTick{.it_interval = {0, 50'000'000}, .it_value = {0, 50'000'000}};
constexpr int kPatience = 20;  // ticks

// Those that a user, a parent or a limit sends to end a program. SIGKILL is the only one that leaves a hidden
// file.
constexpr std::array<int, 10> kEndingSignals = {SIGINT,  SIGTERM,   SIGHUP,  SIGQUIT, SIGALRM,
                                                SIGXCPU, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2};

// Global because a signal handler has no arguments of its own. Handlers may run in any thread.
volatile std::sig_atomic_t g_signal = 0;
std::atomic<int> g_ticks{0};
timer_t g_timer{};
bool g_has_timer = false;

// Not SIGALRM: an alarm that the parent set before it started this program must still end it.
int tick_signal() { return SIGRTMIN; }

void end_now() {
  core::remove_own_hidden_files();
  die_of_signal();
}

// Only the first signal starts the timer: others would postpone its ticks. Without a timer the next signal
// ends the process, which is an alarm a second later.
void request_stop(int number) {
  int error = errno;
  if (g_signal == 0) {
    g_signal = number;
    if (g_has_timer)
      timer_settime(g_timer, 0, &kTick, nullptr);
    else
      alarm(1);
  } else if (!g_has_timer) {
    end_now();
  }
  errno = error;
}

// It interrupts a system call by being handled.
void tick(int /*number*/) {
  int error = errno;
  if (++g_ticks == kPatience) end_now();
  errno = error;
}

}  // namespace

void catch_signals() {
  struct sigaction action {};  // no SA_RESTART: blocked system calls must return
  sigemptyset(&action.sa_mask);
  action.sa_handler = tick;
  sigaction(tick_signal(), &action, nullptr);
  sigset_t ticks;
  sigemptyset(&ticks);
  sigaddset(&ticks, tick_signal());
  sigprocmask(SIG_UNBLOCK, &ticks, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = tick_signal();
  g_has_timer = timer_create(CLOCK_MONOTONIC, &event, &g_timer) == 0;
  action.sa_handler = request_stop;
  for (int number : kEndingSignals) {
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
