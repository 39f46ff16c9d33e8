// The relay dies at every call that changes something, while it delivers a damaged container that it repairs.
#include <filesystem>

#include "base/digest.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return found;
}

// What holds after each kill and a restart: the file is delivered once, whether or not the receiver took it
// before, the source and its sidecar are gone, and the log says once what was delivered and what was
// repaired.
TEST_CASE("Killed at any call, the relay delivers a repaired container once after a restart") {
  if (!has_strace()) return;
  const std::string data = noise(50'000, 3);
  TempDir made;
  write_file(made / "file", data);
  REQUIRE(run({.argv = {PAXECT_TEST_BIN "/paxect-core", "encode", "-i", made / "file", "-o", made / "a.freq",
                        "--protect", "20"}})
              .status == 0);
  const std::string container = read_file(made / "a.freq");
  std::string damaged = container;
  damaged.replace(20'000, 5'000, std::string(5'000, '\0'));
  for (const char* calls :
       {"renameat2,renameat", "unlinkat,unlink", "fsync,fdatasync,syncfs", "ftruncate", "write,pwrite64"}) {
    int points = 0;
    for (int when = 1; when < 500; when += is_long() || calls[0] != 'w' ? 1 : 4) {
      INFO("killed at call " << when << " of " << calls);
      RelaySite site;
      write_file(site.path("inbox/a.freq.sha256"), link::sha256_hex(container) + "\n");
      write_file(site.path("inbox/a.freq"), damaged);
      site.expect("a", data);
      const std::string fault = std::string(calls) + ":signal=KILL:when=" + std::to_string(when);
      run(site.command({"--once"}, {"strace", "-f", "-q", "-o", site.path("trace"), "-e",
                                    "trace=" + std::string(calls), "-e", "inject=" + fault}));
      const bool killed = read_file(site.path("trace")).find("SIGKILL") != std::string::npos;
      site.converges();
      const std::string log = site.log();
      CHECK(count(log, "\"event\": \"decode\"") == 1);
      CHECK(count(log, "\"event\": \"repaired\"") == 1);
      CHECK(count(log, "\"event\": \"quarantine\"") == 0);
      CHECK(count(log, "\"event\": \"policy_block\"") == 0);
      if (!killed) break;
      ++points;
    }
    INFO(calls);
    CHECK(points > 0);
  }
}

}  // namespace
}  // namespace paxect::test
