// What `paxect run` reports to a service manager: read from a real NOTIFY_SOCKET.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <fstream>
#include <memory>

#include "host/sandbox.h"
#include "support/catch.h"

using namespace paxect::test;

namespace {

// The manager's end: a datagram socket, as systemd's.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : path_(path), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::copy(path.begin(), path.end(), address.sun_path);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~NotifySocket() { close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  std::string variable() const { return "NOTIFY_SOCKET=" + path_; }

  // The messages so far, in their order.
  const std::vector<std::string>& messages() {
    char buffer[4096];
    for (ssize_t got; (got = recv(fd_, buffer, sizeof buffer, 0)) >= 0;)
      messages_.emplace_back(buffer, static_cast<std::size_t>(got));
    return messages_;
  }
  // How many of them have this line, or one that begins so when it ends with '='.
  long count(const std::string& line) {
    const auto& all = messages();
    return std::count_if(all.begin(), all.end(), [&](const std::string& message) {
      std::string text = "\n" + message + "\n";
      return text.find("\n" + line + (line.ends_with('=') ? "" : "\n")) != std::string::npos;
    });
  }
  bool has(const std::string& line) { return count(line) > 0; }

 private:
  std::string path_;
  int fd_;
  std::vector<std::string> messages_;
};

struct Service {
  Service() : socket(sandbox / "notify") {}
  void run(const std::string& config, std::vector<std::string> environment = {}) {
    sandbox.write_config(config);
    environment.push_back(socket.variable());
    paxect = std::make_unique<Background>(sandbox.command({"run"}, environment));
  }
  bool receives(const std::string& line) {
    return eventually([&] { return socket.has(line); }, std::chrono::seconds(20));
  }
  Result stop() const {
    paxect->signal(SIGTERM);
    return paxect->wait();
  }

  Sandbox sandbox;
  NotifySocket socket;
  std::unique_ptr<Background> paxect;
};

std::uint64_t now_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

TEST_CASE("READY is sent once every instance has started, and STOPPING when the run ends") {
  Service service;
  service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two"));
  REQUIRE(service.receives("READY=1"));
  CHECK(service.sandbox.journal_has("one start"));
  CHECK(service.sandbox.journal_has("two start"));
  CHECK(service.socket.has("STATUS=running: one, two"));
  CHECK_FALSE(service.socket.has("STOPPING=1"));
  CHECK(service.stop().status == 0);
  CHECK(service.socket.has("STOPPING=1"));
  CHECK(service.socket.count("STATUS=running: one, two") == 1);
  CHECK(service.socket.count("READY=1") == 1);
  CHECK(service.socket.count("WATCHDOG=1") == 0);
}

TEST_CASE("READY waits for an instance that is slow to start, and never comes when one cannot") {
  Service service;
  SECTION("slow") {
    service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two", "at_start = hang\n"));
    REQUIRE(eventually([&] { return service.sandbox.journal_has("one step wait"); }));
    CHECK(service.receives("STATUS=starting: two"));
    CHECK_FALSE(service.socket.has("READY=1"));
    service.paxect->signal(SIGKILL);
  }
  SECTION("cannot") {
    service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two", "at_start = fail:75\n"));
    CHECK(service.paxect->wait().status == 75);
    CHECK_FALSE(service.socket.has("READY=1"));
    CHECK(service.socket.has("STATUS=two: start was told to fail"));
    CHECK(service.socket.has("STOPPING=1"));
    // The reason stays in `systemctl status`.
    for (const std::string& message : service.socket.messages()) {
      CHECK(message.find("STATUS=stop") == std::string::npos);
      CHECK(message.find("STATUS=running") == std::string::npos);
    }
  }
}

TEST_CASE("A reload is RELOADING with the time, and READY when every instance has done it") {
  Service service;
  service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two"));
  REQUIRE(service.receives("READY=1"));
  std::uint64_t before = now_usec();
  service.paxect->signal(SIGHUP);
  REQUIRE(eventually([&] { return service.socket.count("READY=1") == 2; }));
  CHECK(service.sandbox.journal_has("one reload"));
  CHECK(service.sandbox.journal_has("two reload"));
  const auto& messages = service.socket.messages();
  auto reloading = std::find_if(messages.begin(), messages.end(), [](const std::string& message) {
    return message.starts_with("RELOADING=1\n");
  });
  REQUIRE(reloading != messages.end());
  std::size_t at = reloading->find("\nMONOTONIC_USEC=");
  REQUIRE(at != std::string::npos);
  std::uint64_t when = std::stoull(reloading->substr(at + 16));
  CHECK(when >= before);
  CHECK(when <= now_usec());
  CHECK(std::any_of(reloading, messages.end(),
                    [](const std::string& message) { return message.starts_with("READY=1\n"); }));

  service.paxect->signal(SIGHUP);
  CHECK(eventually([&] { return service.socket.count("READY=1") == 3; }));
  CHECK(service.stop().status == 0);
}

TEST_CASE("A reload that fails, and one after an instance is done, end with READY too") {
  Service service;
  service.run(service.sandbox.recorder("one", "at_reload = fail:78\n") +
              service.sandbox.recorder("two", "script = done\n"));
  REQUIRE(eventually([&] { return service.sandbox.journal_has("two destroy"); }));
  REQUIRE(service.receives("READY=1"));
  service.paxect->signal(SIGHUP);
  CHECK(eventually([&] { return service.socket.count("READY=1") == 2; }));
  CHECK(service.socket.has("STATUS=running: one"));
  CHECK(service.stop().status == 0);
}

TEST_CASE("The watchdog is fed while instances wait, and while one works and asks whether to stop") {
  Service service;
  service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two", "script = long:1500 wait\n"),
              {"WATCHDOG_USEC=300000", "WATCHDOG_PID"});
  // Read all the time: signs of life are dropped when the queue is full.
  REQUIRE(eventually(
      [&] { return !service.socket.messages().empty() && service.sandbox.journal_has("two step wait"); }));
  CHECK(service.socket.count("WATCHDOG=1") >= 8);  // every 100 ms for 1.5 s, on a busy machine
  long before = service.socket.count("WATCHDOG=1");
  CHECK(eventually([&] { return service.socket.count("WATCHDOG=1") >= before + 3; }));
  CHECK(service.stop().status == 0);
}

TEST_CASE("The watchdog is no longer fed and no timeout extended when an instance hangs") {
  auto [keys, last_call] =
      GENERATE(table<std::string, std::string>({{"script = wait:500 hang", "two step hang"},
                                                {"at_reload = hang", "two reload"},
                                                {"at_stop = hang", "two stop"}}));
  const std::string call = last_call;  // a lambda can capture it
  Service service;
  service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two", keys),
              {"WATCHDOG_USEC=300000", "WATCHDOG_PID"});
  REQUIRE(service.receives("READY=1"));
  REQUIRE(service.receives("WATCHDOG=1"));
  if (call == "two reload") service.paxect->signal(SIGHUP);
  if (call == "two stop") service.paxect->signal(SIGTERM);
  REQUIRE(eventually([&] { return service.sandbox.journal_has(call); }));
  // The last sign counts for the watchdog's time; then there are no more, for many times that.
  REQUIRE(eventually([&] {
    auto signs = [&] {
      return service.socket.count("WATCHDOG=1") + service.socket.count("EXTEND_TIMEOUT_USEC=");
    };
    long before = signs();
    usleep(1'000'000);
    return signs() == before;
  }));
  service.paxect->signal(SIGKILL);
}

TEST_CASE("An instance that the kernel holds feeds the watchdog, and hides no other that hangs") {
  const std::string held = GENERATE("device", "device_thread");
  CAPTURE(held);
  Service service;
  const std::string one = service.sandbox.recorder("name_of_fifteen_1", "script = " + held);
  const std::vector<std::string> watchdog = {"WATCHDOG_USEC=300000", "WATCHDOG_PID"};
  SECTION("held") {
    service.run(one + service.sandbox.recorder("name_of_fifteen_2"), watchdog);
    REQUIRE(eventually([&] { return service.sandbox.journal_has("name_of_fifteen_1 step " + held); }));
    // Three for each of the watchdog's times: more than could follow the last call.
    long before = service.socket.count("WATCHDOG=1");
    CHECK(eventually([&] { return service.socket.count("WATCHDOG=1") >= before + 9; }));
  }
  SECTION("another hangs") {
    service.run(one + service.sandbox.recorder("name_of_fifteen_2", "script = hang"), watchdog);
    REQUIRE(eventually([&] { return service.sandbox.journal_has("name_of_fifteen_2 step hang"); }));
    CHECK(eventually([&] {
      long before = service.socket.count("WATCHDOG=1");
      usleep(1'000'000);
      return service.socket.count("WATCHDOG=1") == before;
    }));
  }
  service.paxect->signal(SIGKILL);
}

TEST_CASE(
    "Each of start and reload and stop that makes progress feeds the watchdog and extends its timeout") {
  auto [key, long_call, status] = GENERATE(
      table<std::string, std::string, std::string>({{"at_start", "two start", "STATUS=starting: two"},
                                                    {"at_reload", "two reload", "STATUS=reloading: two"},
                                                    {"at_stop", "two stop", "STATUS=stopping: two"}}));
  const std::string call = long_call;  // a lambda can capture it
  Service service;
  service.run(service.sandbox.recorder("one") + service.sandbox.recorder("two", key + " = long:2000"),
              {"WATCHDOG_USEC=300000", "WATCHDOG_PID"});
  if (key != "at_start") REQUIRE(service.receives("READY=1"));
  if (key == "at_reload") service.paxect->signal(SIGHUP);
  if (key == "at_stop") service.paxect->signal(SIGTERM);
  REQUIRE(eventually([&] { return service.sandbox.journal_has(call); }));
  CHECK(service.receives(status));
  long fed = service.socket.count("WATCHDOG=1");
  long extended = service.socket.count("EXTEND_TIMEOUT_USEC=");
  // Every 100 ms for 2 s, on a busy machine.
  CHECK(eventually([&] {
    return service.socket.count("WATCHDOG=1") >= fed + 5 &&
           service.socket.count("EXTEND_TIMEOUT_USEC=300000") >= extended + 5;
  }));
  if (key != "at_stop") service.paxect->signal(SIGTERM);
  CHECK(service.paxect->wait().status == 0);
  CHECK(service.socket.count("STOPPING=1") == 1);
}

TEST_CASE("Without a watchdog a timeout is extended too, and no sign of life is sent") {
  Service service;
  service.run(service.sandbox.recorder("one"));
  REQUIRE(service.receives("READY=1"));
  CHECK(service.stop().status == 0);
  CHECK(service.socket.has("EXTEND_TIMEOUT_USEC=30000000"));
  CHECK_FALSE(service.socket.has("WATCHDOG=1"));
}

TEST_CASE("The status names the instances that still run") {
  Service service;
  REQUIRE(mkfifo((service.sandbox / "fifo").c_str(), 0600) == 0);
  service.run(
      service.sandbox.recorder("one", "watch = " + (service.sandbox / "fifo") + "\nscript = watch done") +
      service.sandbox.recorder("two"));
  REQUIRE(service.receives("STATUS=running: one, two"));
  std::ofstream(service.sandbox / "fifo") << "go";
  CHECK(service.receives("STATUS=running: two"));
  CHECK(service.stop().status == 0);
}

TEST_CASE(
    "A manager that does not read holds up neither signals nor the run, and gets the changes of state "
    "later") {
  Service service;
  // Nothing is read here for 2 s of a start, in which the queue fills with signs of life.
  service.run(service.sandbox.recorder("one", "at_start = long:2000"),
              {"WATCHDOG_USEC=6000", "WATCHDOG_PID"});
  REQUIRE(eventually([&] { return service.sandbox.journal_has("one step wait"); }));
  CHECK(service.socket.messages().size() < 600);
  CHECK(service.receives("READY=1"));
  usleep(1'000'000);
  service.paxect->signal(SIGTERM);
  CHECK(service.paxect->wait().status == 0);
}

TEST_CASE("SIGHUP during a stop is not reported as a reload") {
  Service service;
  service.run(service.sandbox.recorder("one", "at_stop = long:300"));
  REQUIRE(service.receives("READY=1"));
  service.paxect->signal(SIGTERM);
  REQUIRE(service.receives("STOPPING=1"));
  service.paxect->signal(SIGHUP);
  CHECK(service.paxect->wait().status == 0);
  CHECK_FALSE(service.socket.has("RELOADING=1"));
}

TEST_CASE("Without a service manager, or with a socket that does not exist, a run works as usual") {
  Service service;
  service.sandbox.write_config(service.sandbox.recorder("one", "script = done\n"));
  CHECK(service.sandbox.paxect({"run"}).status == 0);
  Result result = service.sandbox.paxect({"run"}, {"NOTIFY_SOCKET=" + (service.sandbox / "nowhere")});
  CHECK(result.status == 0);
  CHECK(result.error.empty());
}

TEST_CASE("Lines carry their priority when the journal reads them") {
  Sandbox sandbox;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  struct stat info {};
  REQUIRE(fstat(ends[1], &info) == 0);
  sandbox.write_config(sandbox.recorder("one", "at_init = log:careful\nat_start = fail:75\n"));
  auto stderr_of = [&](const std::string& stream) {
    Command command = sandbox.command({"run"}, {"JOURNAL_STREAM=" + stream});
    command.error_fd = ends[1];
    CHECK(run(command).status == 75);
    char buffer[4096];
    ssize_t got = recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT);
    REQUIRE(got > 0);
    return std::string(buffer, static_cast<std::size_t>(got));
  };
  CHECK(stderr_of(std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino)) ==
        "<4>[ONE] careful\n<3>[ONE] start was told to fail\n");
  CHECK(stderr_of("1:1") == "[ONE] careful\n[ONE] start was told to fail\n");
  close(ends[0]);
  close(ends[1]);
}
