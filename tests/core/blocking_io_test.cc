#include "blocking_io.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::core {
namespace {

using test::TempDir;

bool stop() { return true; }
bool never() { return false; }

struct Ends {
  Descriptor read;
  Descriptor write;
};

Ends pipe_ends() {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}
Ends socket_ends() {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}
// What is written to one side of a terminal is read from the other.
Ends terminal_ends() {
  std::array<int, 2> ends{};
  REQUIRE(openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) == 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

BlockingIo io_of(const Descriptor& fd) {
  struct stat file {};
  REQUIRE(fstat(fd.get(), &file) == 0);
  return {fd.get(), file.st_mode, "name"};
}

// In each test below no signal is sent: a wait that only a signal could end would not return.

TEST_CASE("a wait for either end of a FIFO is given up when the caller says so, without a signal") {
  TempDir dir;
  std::string fifo = dir / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  Descriptor file;
  CHECK(open_waiting(AT_FDCWD, fifo, O_WRONLY, "name", &stop, file).code == PAXECT_ERROR_CANCELLED);
  REQUIRE(open_waiting(AT_FDCWD, fifo, O_RDONLY, "name", &stop, file).ok());
  char byte = 0;
  std::size_t size = 0;
  CHECK(io_of(file).read(&byte, 1, size, &stop).code == PAXECT_ERROR_CANCELLED);
}

TEST_CASE("a read without data and a write without room are given up when the caller says so") {
  for (auto make : {pipe_ends, socket_ends, terminal_ends}) {
    Ends ends = make();
    std::string data(1'000'000, 'x');
    std::size_t size = 0;
    CHECK(io_of(ends.read).read(data.data(), data.size(), size, &stop).code == PAXECT_ERROR_CANCELLED);
    CHECK(io_of(ends.write).write(data.data(), data.size(), &stop).code == PAXECT_ERROR_CANCELLED);
    pollfd received{ends.read.get(), POLLIN, 0};
    CHECK(poll(&received, 1, 0) == 1);  // it was full and not merely refused
  }
}

TEST_CASE("both ends of a FIFO that wait for each other exchange everything") {
  TempDir dir;
  std::string fifo = dir / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  std::string data = test::noise(1'000'000);
  std::thread writer([&] {
    Descriptor file;
    // io_of() asserts, and Catch2 allows assertions on one thread only.
    if (open_waiting(AT_FDCWD, fifo, O_WRONLY, "name", &never, file).ok())
      static_cast<void>(BlockingIo(file.get(), S_IFIFO, "name").write(data.data(), data.size(), &never));
  });
  Descriptor file;
  CHECK(open_waiting(AT_FDCWD, fifo, O_RDONLY, "name", &never, file).ok());
  BlockingIo io = io_of(file);
  std::string got;
  std::string buffer(5000, '\0');
  for (std::size_t size = 1; size != 0; got.append(buffer, 0, size))
    REQUIRE(io.read(buffer.data(), buffer.size(), size, &never).ok());
  writer.join();
  CHECK(got == data);
}

TEST_CASE("a file that is opened does not keep the flag that opening needs") {
  TempDir dir;
  test::write_file(dir / "file", "data");
  Descriptor file;
  REQUIRE(open_waiting(AT_FDCWD, dir / "file", O_RDONLY, "name", &never, file).ok());
  CHECK((fcntl(file.get(), F_GETFL) & O_NONBLOCK) == 0);
  CHECK(open_waiting(AT_FDCWD, dir / "none", O_RDONLY, "name", &never, file).message ==
        "name: cannot open: No such file or directory");
}

}  // namespace
}  // namespace paxect::core
