// The floor of the carrier without a network: the durable work on files alone.
//   bench_carrier_files DIRECTORY COUNT BYTES
// Makes COUNT files of BYTES with a sidecar each in DIRECTORY/source, and flushes them. Then moves them as
// two carriers do, in batches of 128 (one when they are larger than 8 MiB): reads a file and its sidecar,
// writes both under hidden names in DIRECTORY/target, flushes the batch by one call, renames, flushes the
// folder, removes both from the source, flushes that folder. No records, no digests. Prints WALL-SECONDS
// CPU-SECONDS.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kSidecar = 65;
constexpr std::size_t kBuffer = std::size_t{1} << 20;
constexpr std::size_t kBatch = 128;
constexpr std::size_t kLarge = std::size_t{8} << 20;

void check(bool good, const std::string& what) {
  if (good) return;
  std::perror(("bench_carrier_files: " + what).c_str());
  std::exit(1);
}

int open_folder(const std::string& path) {
  check(mkdir(path.c_str(), 0755) == 0, path);
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(fd >= 0, path);
  return fd;
}

void write_file(int folder, const std::string& name, const char* data, std::size_t size, std::size_t left) {
  const int fd = openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  check(fd >= 0, name);
  for (; left > 0; left -= std::min(left, size))
    check(write(fd, data, std::min(left, size)) == static_cast<ssize_t>(std::min(left, size)), name);
  close(fd);
}

void copy_file(int from, const std::string& name, int to, const std::string& hidden,
               std::vector<char>* buffer) {
  const int source = openat(from, name.c_str(), O_RDONLY | O_CLOEXEC);
  const int target = openat(to, hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  check(source >= 0 && target >= 0, name);
  for (;;) {
    const ssize_t size = read(source, buffer->data(), buffer->size());
    check(size >= 0, name);
    if (size == 0) break;
    check(write(target, buffer->data(), static_cast<std::size_t>(size)) == size, hidden);
  }
  close(source);
  close(target);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

int measure(const std::string& place, std::size_t count, std::size_t bytes) {
  const int source = open_folder(place + "/source");
  const int target = open_folder(place + "/target");
  std::vector<char> buffer(kBuffer);
  std::minstd_rand random(1);
  for (char& byte : buffer) byte = static_cast<char>(random() >> 8);
  const auto name = [](std::size_t i) { return "f" + std::to_string(i) + ".freq"; };
  for (std::size_t i = 0; i < count; ++i) {
    write_file(source, name(i), buffer.data(), buffer.size(), bytes);
    write_file(source, name(i) + ".sha256", buffer.data(), buffer.size(), kSidecar);
  }
  check(syncfs(source) == 0, "flush");
  const std::size_t batch = bytes > kLarge ? 1 : kBatch;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t first = 0; first < count; first += batch) {
    std::vector<std::string> names;
    for (std::size_t i = first; i < std::min(count, first + batch); ++i) {
      names.push_back(name(i) + ".sha256");
      names.push_back(name(i));
    }
    for (const std::string& one : names) copy_file(source, one, target, "." + one, &buffer);
    check(syncfs(target) == 0, "flush");
    for (const std::string& one : names)
      check(renameat2(target, ("." + one).c_str(), target, one.c_str(), RENAME_NOREPLACE) == 0, one);
    check(fsync(target) == 0, "flush");
    for (const std::string& one : names) check(unlinkat(source, one.c_str(), 0) == 0, one);
    check(fsync(source) == 0, "flush");
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%.3f %.3f\n", wall.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: bench_carrier_files DIRECTORY COUNT BYTES\n", stderr);
    return 2;
  }
  return measure(argv[1], std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
}
