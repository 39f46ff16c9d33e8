#include "support/stat_trap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string_view>
#include <utility>

namespace paxect::test {
namespace {

struct Trap {
  std::string end;
  std::atomic<int> calls_left{0};  // of all threads
  std::function<void()> spring;

  void set(std::string new_end, int calls, std::function<void()> new_spring) {
    calls_left = 0;
    end = std::move(new_end);
    spring = std::move(new_spring);
    calls_left = calls;
  }
};

Trap& trap() {
  static Trap the_trap;
  return the_trap;
}

void after_call(const char* name) {
  Trap& set = trap();
  if (set.calls_left <= 0 || !std::string_view(name).ends_with(set.end)) return;
  if (set.calls_left.fetch_sub(1) == 1) set.spring();
}

}  // namespace

StatTrap::StatTrap(std::string end, int call, std::function<void()> spring) {
  trap().set(std::move(end), call, std::move(spring));
}
StatTrap::~StatTrap() { trap().set("", 0, nullptr); }
bool StatTrap::has_sprung() const { return trap().calls_left <= 0; }

}  // namespace paxect::test

// A program with files of 64 bits calls fstatat64, and its libraries may call either.
extern "C" {
#define REPLACED_FSTATAT(function, symbol)                                                               \
  __attribute__((visibility("default"))) int function(int directory, const char* name, struct stat* out, \
                                                      int flags) __asm__(symbol);                        \
  int function(int directory, const char* name, struct stat* out, int flags) {                           \
    const int result = static_cast<int>(syscall(SYS_newfstatat, directory, name, out, flags));           \
    paxect::test::after_call(name);                                                                      \
    return result;                                                                                       \
  }
REPLACED_FSTATAT(replaced_fstatat, "fstatat")
REPLACED_FSTATAT(replaced_fstatat64, "fstatat64")

__attribute__((visibility("default"))) int replaced_statx(int directory, const char* name, int flags,
                                                          unsigned mask, struct statx* out) __asm__("statx");
int replaced_statx(int directory, const char* name, int flags, unsigned mask, struct statx* out) {
  const int result = static_cast<int>(syscall(SYS_statx, directory, name, flags, mask, out));
  paxect::test::after_call(name);
  return result;
}
}
