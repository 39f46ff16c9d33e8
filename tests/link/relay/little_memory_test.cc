// A relay with little address space, by the shell's limit.
#include <algorithm>

#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/sanitizer.h"

namespace paxect::test {
namespace {

TEST_CASE("A relay that has too little memory ends with status 70 and says so") {
  if (skip_when_sanitized("it needs address space of its own")) return;
  RelaySite site;
  CHECK(run(site.command({"--once"})).status == 0);
  site.put("file", text(50'000));
  int refused = 0;
  int without_memory = 0;
  // From where the dynamic linker can load the host to where the relay has all the memory that it needs.
  for (int kilobytes = 10'000; kilobytes <= 60'000; kilobytes += 250) {
    const std::string limit = "ulimit -v " + std::to_string(kilobytes) + "; exec \"$@\"";
    Result result = run(site.command({"--once"}, {"sh", "-c", limit, "sh"}));
    const std::string log = site.log();
    INFO(kilobytes << " KB: status " << result.status << ", " << result.error << "\n"
                   << log.substr(log.size() - std::min(log.size(), std::size_t{2000})));
    CHECK(result.status != 78);
    if (result.error.find("link.so: cannot be loaded: Cannot allocate memory\n") != std::string::npos) {
      CHECK(result.status == 70);
      ++refused;
    } else if (refused > 0) {
      // Status 1: the relay runs, and files wait for memory.
      CHECK((result.status == 70 || result.status == 1 || result.status == 0));
      if (result.status == 0) break;
      // The log has the reason where the memory did not suffice for a line on standard error as well.
      const bool is_reported = result.error.find("memory") != std::string::npos ||
                               log.substr(log.rfind("\"startup\"")).find("memory") != std::string::npos;
      CHECK(is_reported);
      ++without_memory;
    }
  }
  CHECK(refused > 0);
  CHECK(without_memory > 0);
  site.converges();
}

}  // namespace
}  // namespace paxect::test
