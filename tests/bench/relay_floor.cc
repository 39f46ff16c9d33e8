// The floor of the relay: the durable writes that a relayed file needs, and nothing else.
//   bench_relay_floor DIRECTORY COUNT CONTAINER-BYTES DATA-BYTES STRATEGY
// For each file a container, a sidecar of 65 bytes and the data: written under a temporary name, flushed,
// renamed, the directory flushed. STRATEGY is `fsync` (eight threads, each file flushed as it is written) or
// `syncfs` (batches of 256 files, or as many as make 64 MiB, one flush of the file system for each).
// Prints WALL-SECONDS CPU-SECONDS.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kThreads = 8;
constexpr std::size_t kBatchFiles = 256;
constexpr std::size_t kBatchBytes = std::size_t{64} << 20;
constexpr std::size_t kPiece = std::size_t{1} << 20;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Floor {
  int directory;
  bool each;  // fsync each file
  std::vector<char> noise;

  void write_file(const std::string& name, std::size_t size) const {
    int fd = openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) fail("open");
    for (std::size_t left = size; left > 0;) {
      ssize_t put = write(fd, noise.data(), std::min(left, noise.size()));
      if (put < 0) fail("write");
      left -= static_cast<std::size_t>(put);
    }
    if (each && fdatasync(fd) != 0) fail("fdatasync");
    close(fd);
  }

  void batch(std::size_t begin, std::size_t end, std::size_t container, std::size_t data) const {
    const std::size_t sizes[] = {container, 65, data};
    std::atomic<std::size_t> next{begin * 3};
    auto work = [&] {
      for (std::size_t i = next++; i < end * 3; i = next++)
        write_file("." + std::to_string(i) + ".part", sizes[i % 3]);
    };
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 1; i < kThreads; ++i) threads.emplace_back(work);
      work();
    }
    if (!each && syncfs(directory) != 0) fail("syncfs");
    for (std::size_t i = begin * 3; i < end * 3; ++i)
      if (renameat(directory, ("." + std::to_string(i) + ".part").c_str(), directory,
                   std::to_string(i).c_str()))
        fail("rename");
    if (fsync(directory) != 0) fail("fsync");
  }
};

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: bench_relay_floor DIRECTORY COUNT CONTAINER-BYTES DATA-BYTES fsync|syncfs\n", stderr);
    return 64;
  }
  std::size_t count = std::strtoull(argv[2], nullptr, 10);
  std::size_t container = std::strtoull(argv[3], nullptr, 10);
  std::size_t data = std::strtoull(argv[4], nullptr, 10);
  Floor floor{open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC), std::string(argv[5]) == "fsync", {}};
  if (floor.directory < 0) fail(argv[1]);
  std::minstd_rand random(1);
  floor.noise.resize(kPiece);
  for (char& byte : floor.noise) byte = static_cast<char>(random() >> 8);
  std::size_t files = std::max<std::size_t>(1, std::min(kBatchFiles, kBatchBytes / (container + data)));
  auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; i += files) floor.batch(i, std::min(count, i + files), container, data);
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%.3f %.3f\n", wall.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime));
}
