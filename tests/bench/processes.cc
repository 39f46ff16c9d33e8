// The time of a process from its start to its end, for a command that has little to do.
//   bench_processes COUNT OUTPUT COMMAND [ARGUMENT...]
// Runs COMMAND COUNT times and removes the file OUTPUT before each run. Prints the medians: WALL-SECONDS
// CPU-SECONDS.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench_processes: %s\n", what);
  std::exit(70);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

struct Times {
  std::vector<double> wall;
  std::vector<double> cpu;
};

void run_once(char** command, Times& times) {
  auto begin = std::chrono::steady_clock::now();
  pid_t process = 0;
  if (posix_spawnp(&process, command[0], nullptr, nullptr, command, environ) != 0)
    fail("cannot start the command");
  int status = 0;
  rusage usage{};
  if (wait4(process, &status, 0, &usage) != process || status != 0) fail("the command failed");
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  times.wall.push_back(wall.count());
  times.cpu.push_back(seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  int count = argc > 3 ? std::atoi(argv[1]) : 0;
  if (count <= 0) {
    std::fputs("usage: bench_processes COUNT OUTPUT COMMAND [ARGUMENT...]\n", stderr);
    return 64;
  }
  Times times;
  for (int i = 0; i < count; ++i) {
    unlink(argv[2]);
    run_once(argv + 3, times);
  }
  std::printf("%.6f %.6f\n", median(times.wall), median(times.cpu));
  return 0;
}
