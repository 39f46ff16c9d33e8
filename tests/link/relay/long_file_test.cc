// A file that takes long, in a real relay: the service manager hears that it makes progress, and a stop does
// not wait for its end.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/unique_fd.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

using Clock = std::chrono::steady_clock;

// What a service manager receives.
class Notifications {
 public:
  explicit Notifications(const std::string& path)
      : path_(path), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  const std::string& path() const { return path_; }
  // How many signs of life have come since the last call.
  int take_signs_of_life() {
    int count = 0;
    char buffer[4096];
    for (ssize_t got; (got = recv(fd_.get(), buffer, sizeof buffer, 0)) > 0;)
      count +=
          std::string(buffer, static_cast<std::size_t>(got)).find("WATCHDOG=1") != std::string::npos ? 1 : 0;
    return count;
  }

 private:
  std::string path_;
  link::UniqueFd fd_;
};

std::uintmax_t temporary_size(const std::string& directory) {
  std::uintmax_t size = 0;
  if (!exists(directory)) return 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".part") size += entry.file_size();
  return size;
}

TEST_CASE("A forward from a slow disk satisfies the watchdog, and a stop does not wait for it") {
  if (!has_strace()) return;
  RelaySite site;
  const std::string data = site.path("data.bin");
  write_file(data, noise(20 << 20));
  REQUIRE(
      run({.argv = {PAXECT_TEST_BIN "/paxect-core", "encode", "-i", data, "-o", site.path("inbox/x.freq")}})
          .status == 0);
  Notifications notifications(site.path("notify"));
  // 256 KiB in 60 ms: 4 MB/s.
  Command command = site.command({"--set", "link.mode=send", "--set", "link.sandbox=off"},
                                 {"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pread64", "-e",
                                  "inject=pread64:delay_exit=60000"});
  command.environment.push_back("NOTIFY_SOCKET=" + notifications.path());
  command.environment.push_back("WATCHDOG_USEC=1000000");
  Background relay(command);
  const auto begin = Clock::now();
  REQUIRE(eventually([&] { return temporary_size(site.path("outbox")) > (2 << 20); }));
  const double before = std::chrono::duration<double>(Clock::now() - begin).count();
  const int signs = notifications.take_signs_of_life();
  INFO(signs << " signs of life in " << before << " s");
  CHECK(signs >= static_cast<int>(before) - 1);
  CHECK(signs > 0);
  const auto asked = Clock::now();
  REQUIRE(kill(std::stoi(read_file(site.path(".paxect_link.lock"))), SIGTERM) == 0);
  Result result = relay.wait();
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(Clock::now() - asked < std::chrono::seconds(2));
  CHECK(exists(site.path("inbox/x.freq")));
  CHECK_FALSE(exists(site.path("outbox/x.freq")));
  CHECK(temporary_size(site.path("outbox")) == 0);
}

}  // namespace
}  // namespace paxect::test
