// An external core ends with the relay, whatever ends the relay.
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>

#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

bool has_ended(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string line;
  return !std::getline(stat, line) || line.find(") Z ") != std::string::npos;
}

// A relay with a core that hangs, and has started two programs that hang too, one of them in a session of its
// own.
struct HangingCore {
  RelaySite site;
  std::string pids;  // of the three
  std::unique_ptr<Background> relay;

  explicit HangingCore(const std::vector<std::string>& more = {}) {
    write_file(site.path("core"),
               "#!/bin/sh\nsleep 1000 &\nfirst=$!\nsetsid sleep 1000 &\n"
               "echo $first $! $$ >pids.part\nmv pids.part pids\nwait\n");
    REQUIRE(chmod(site.path("core").c_str(), 0755) == 0);
    site.put("file", "contents");
    std::vector<std::string> words{"--set", "link.core=" + site.path("core")};
    words.insert(words.end(), more.begin(), more.end());
    Command command = site.command(words);
    relay = std::make_unique<Background>(command);
    REQUIRE(eventually([&] { return !(pids = file_or_nothing(site.path("pids"))).empty(); }));
  }
  static std::string file_or_nothing(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
  }
  bool core_ends() const {
    return eventually(
        [&] {
          std::istringstream words(pids);
          std::string pid;
          while (words >> pid)
            if (!has_ended(pid)) return false;
          return true;
        },
        std::chrono::seconds(20));
  }
};

TEST_CASE("A second signal ends the core and all that it started") {
  HangingCore hanging;
  // Both signals are pending when the relay goes on, so that the core is not ended by an orderly stop.
  for (int number : {SIGSTOP, SIGTERM, SIGINT, SIGCONT}) hanging.relay->signal(number);
  CHECK(hanging.relay->wait().status > 128);
  CHECK(hanging.core_ends());
}

TEST_CASE("A relay that is killed takes the core and all that it started with it") {
  HangingCore hanging;
  hanging.relay->signal(SIGKILL);
  CHECK(hanging.relay->wait().status == 128 + SIGKILL);
  CHECK(hanging.core_ends());
}

TEST_CASE("A core that takes too long ends with all that it started") {
  HangingCore hanging({"--set", "link.core_timeout_sec=0.5"});
  CHECK(hanging.core_ends());
  CHECK(eventually([&] { return hanging.site.log().find("did not end within") != std::string::npos; }));
}

}  // namespace
}  // namespace paxect::test
