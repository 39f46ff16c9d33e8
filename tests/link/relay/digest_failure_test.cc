// A relay whose libcrypto offers no SHA-256: nothing is concluded, and everything goes on once it does.
#include <filesystem>

#include "base/relay_paths.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr const char* kMessage =
    "[LINK] libcrypto offers no SHA-256: check the providers in its openssl.cnf, OPENSSL_CONF and "
    "OPENSSL_MODULES, and the memory limit of the process\n";

TEST_CASE("A relay whose openssl.cnf offers no SHA-256 ends with 70 and changes nothing") {
  RelaySite site;
  site.put("first", "delivered before");
  CHECK(run(site.command({"--once"})).status == 0);
  site.put("second", "delivered after");
  write_file(site.path("openssl.cnf"),  // activates a provider that has nothing
             "openssl_conf = init\n[init]\nproviders = list\n[list]\nnull = null\n[null]\nactivate = 1\n");
  const std::string journal = link::journal_of(site.path(".paxect_link.lock"));
  REQUIRE(std::filesystem::exists(journal));
  const std::string before = read_file(journal);
  const Names names = list(site.directory());

  Command broken = site.command({"--once"});
  broken.environment.push_back("OPENSSL_CONF=" + site.path("openssl.cnf"));
  Result result = run(broken);
  CHECK(result.status == 70);
  CHECK(result.error == kMessage);
  broken.argv = {PAXECT_TEST_BIN "/paxect", "check"};
  result = run(broken);
  CHECK(result.status == 70);
  CHECK(result.error.find(kMessage) != std::string::npos);
  CHECK(read_file(journal) == before);
  CHECK(list(site.directory()) == names);

  result = run(site.command({"--once"}));
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(site.log().find("journal_damaged") == std::string::npos);
  site.receive(true);
  site.converges();
}

}  // namespace
}  // namespace paxect::test
