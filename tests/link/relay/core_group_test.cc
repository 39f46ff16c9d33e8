// An external core ends with the relay, whatever ends the relay.
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <memory>

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

// A relay with a core that hangs, and has started a program that hangs too.
struct HangingCore {
  RelaySite site;
  std::string pids;  // of both
  std::unique_ptr<Background> relay;

  HangingCore() {
    write_file(site.path("core"),
               "#!/bin/sh\nsleep 1000 &\necho $! $$ >pids.part\nmv pids.part pids\nwait\n");
    REQUIRE(chmod(site.path("core").c_str(), 0755) == 0);
    site.put("file", "contents");
    Command command = site.command({"--set", "link.core=" + site.path("core")});
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
    const std::size_t space = pids.find(' ');
    return eventually([&] { return has_ended(pids.substr(0, space)) && has_ended(pids.substr(space + 1)); },
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

}  // namespace
}  // namespace paxect::test
