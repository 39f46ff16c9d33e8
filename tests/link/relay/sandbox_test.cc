// Whether a relay confines itself; what that does to it is shown by the installed one (cli/posture_test.cc).
#include <cerrno>
#include <map>

#include "base/host.h"
#include "link/link_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

// A host with a sandbox that only writes down what it is asked for, around a FakeHost.
class SandboxHost {
 public:
  explicit SandboxHost(const FakeHost& inner) : inner_(inner.get()) {
    host_ = *inner_;
    host_.opaque = inner_->opaque;
    host_.service = service;
    current = this;
  }
  const paxect_host* get() const { return &host_; }

  std::map<std::string, std::uint32_t> rights;
  int answer = 0;

 private:
  static const void* service(const paxect_host* host, const char* id) {
    static constexpr paxect_sandbox_service kSandbox = {sizeof kSandbox, confine};
    if (std::string_view(id) == PAXECT_SERVICE_SANDBOX) return &kSandbox;
    return current->inner_->service(host, id);
  }
  static std::int32_t confine(const paxect_host*, const paxect_access* paths, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) current->rights[paths[i].path] |= paths[i].rights;
    return current->answer;
  }

  static inline SandboxHost* current = nullptr;
  const paxect_host* inner_;
  paxect_host host_{};
};

struct SandboxRig : LinkRig {
  SandboxRig() : sandbox(host) {}
  paxect_plugin_status begin() {
    driver = load_plugin(PAXECT_TEST_PLUGINS "/link.so");
    REQUIRE(driver->create(sandbox.get(), &instance) == PAXECT_PLUGIN_OK);
    REQUIRE(driver->init(instance) == PAXECT_PLUGIN_OK);
    paxect_plugin_status status = driver->start(instance);
    error = driver->error(instance);
    driver->stop(instance);
    driver->destroy(instance);
    return status;
  }

  SandboxHost sandbox;
  const paxect_plugin_descriptor* driver = nullptr;
  paxect_plugin_instance* instance = nullptr;
  std::string error;
};

constexpr std::uint32_t kOwn = PAXECT_ACCESS_READ | PAXECT_ACCESS_WRITE;

TEST_CASE("A relay keeps its own directories, reads policy and key, and runs nothing") {
  SandboxRig rig;
  TempDir keys;
  write_file(keys / "key", "k");
  rig.host.set("hmac_key", "file:" + (keys / "key"));
  rig.host.set("outbox", keys.path() + "/deep/outbox");
  REQUIRE(rig.begin() == PAXECT_PLUGIN_OK);
  CHECK(rig.sandbox.rights.at(rig.directory.path()) == kOwn);
  CHECK(rig.sandbox.rights.at(keys.path() + "/deep") == kOwn);
  CHECK(rig.sandbox.rights.at(keys.path()) == PAXECT_ACCESS_READ);
  for (const auto& [path, rights] : rig.sandbox.rights) {
    INFO(path);
    CHECK((rights & PAXECT_ACCESS_EXECUTE) == 0);
    CHECK(path != "/");
    CHECK((path.starts_with("/tmp/") || rights == PAXECT_ACCESS_READ ||
           path.starts_with(rig.directory.path()) || path.starts_with(keys.path())));
  }
  REQUIRE(rig.events("sandbox").size() == 1);
  CHECK(rig.events("sandbox")[0].status == "ok");
}

TEST_CASE("With an external core everything may be read and run, and only the relay's own be written") {
  SandboxRig rig;
  rig.host.set("core", "/bin/true");
  REQUIRE(rig.begin() == PAXECT_PLUGIN_OK);
  CHECK(rig.sandbox.rights.at("/") == (PAXECT_ACCESS_READ | PAXECT_ACCESS_EXECUTE));
  CHECK(rig.sandbox.rights.at("/dev/null") == kOwn);
}

TEST_CASE("Without a sandbox a relay goes on and says so, or does not start when it insists on one") {
  SandboxRig rig;
  SECTION("the system has none") { rig.sandbox.answer = ENOSYS; }
  SECTION("it fails") { rig.sandbox.answer = EPERM; }
  REQUIRE(rig.begin() == PAXECT_PLUGIN_OK);
  REQUIRE(rig.events("sandbox").size() == 1);
  CHECK(rig.events("sandbox")[0].status == "skipped");
  CHECK_FALSE(rig.host.logged("", PAXECT_LOG_WARN));
  rig.host.set("sandbox", "require");
  CHECK(rig.begin() == PAXECT_PLUGIN_CONFIG);
  CHECK(rig.error.starts_with("sandbox = require, but "));
}

TEST_CASE("A sandbox that is off is not asked for") {
  SandboxRig rig;
  rig.host.set("sandbox", "off");
  REQUIRE(rig.begin() == PAXECT_PLUGIN_OK);
  CHECK(rig.sandbox.rights.empty());
  CHECK(rig.events("sandbox").empty());
}

}  // namespace
}  // namespace paxect::test
