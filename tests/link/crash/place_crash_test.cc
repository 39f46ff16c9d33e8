// The relay dies at any call, and what it finds at its next start is not what it left: another directory at
// the path of the outbox or the inbox, or a relay that dies again during recovery.
#include <filesystem>

#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCalls[] = {"renameat2,renameat", "unlinkat,unlink", "fsync,fdatasync,syncfs", "write"};

// Runs the relay until the n-th of these calls; false when there is none.
bool run_until(const RelaySite& site, const std::string& calls, int when) {
  const std::string inject = "inject=" + calls + ":signal=KILL:when=" + std::to_string(when);
  run(site.command({"--once"}, {"strace", "-f", "-q", "-o", site.path("trace"), "-e", "trace=" + calls, "-e",
                                inject, "timeout", "-s", "KILL", "20"}));
  return read_file(site.path("trace")).find("SIGKILL") != std::string::npos;
}

void fill(RelaySite& site) {
  site.put("small", "just a few bytes");
  site.put("larger", text(100'000));
}

TEST_CASE("Killed at any call, with another directory at the path until the place is back, nothing is lost") {
  if (!has_strace()) return;
  for (const char* place : {"outbox", "inbox"}) {
    for (const std::string calls : kCalls) {
      const int step = is_long() ? 1 : calls == "write" ? 9 : 4;
      for (int when = 1; when < 2000; when += step) {
        INFO(place << " swapped, killed at call " << when << " of " << calls);
        RelaySite site;
        // The place is known from an earlier run.
        REQUIRE(run(site.command({"--once"})).status == 0);
        fill(site);
        bool killed = run_until(site, calls, when);
        site.receive(true);
        fs::rename(site.path(place), site.path("away"));
        fs::create_directory(site.path(place));
        run(site.command({"--once"}));
        site.receive(true);  // what went there, if anything, went there
        fs::remove_all(site.path(place));
        fs::rename(site.path("away"), site.path(place));
        site.converges();
        if (!killed) break;
      }
    }
  }
}

TEST_CASE("Killed during recovery, at any call, the relay delivers everything once after the next start") {
  if (!has_strace()) return;
  for (const std::string calls : kCalls) {
    const int step = is_long() ? 1 : calls == "write" ? 9 : 3;
    for (int when = 1; when < 2000; when += step) {
      INFO("killed at call " << when << " of " << calls);
      RelaySite site;
      fill(site);
      // After the first files have their names, before their sources are removed.
      run_until(site, "renameat2,renameat", is_long() ? 1 + when % 12 : 7);
      bool killed = run_until(site, calls, when);
      site.converges();
      if (!killed) break;
    }
  }
}

}  // namespace
}  // namespace paxect::test
