#include "plugin_instance.h"

#include "host/sandbox.h"
#include "support/catch.h"

using namespace paxect::host;
using paxect::test::Sandbox;

namespace {

struct Fixture {
  // A recorder with these keys in its section [one], in place of the one before.
  PluginInstance& make(const std::string& keys) {
    if (instance) CHECK(instance->destroy().ok());
    PluginDirectory directory;
    Plugin plugin;
    ConfigFile file;
    Configuration configuration;
    REQUIRE(PluginDirectory::open(sandbox.plugin_directory(), &directory).ok());
    REQUIRE(load_plugin(directory, "recorder", &plugin).ok());
    REQUIRE(parse_config(sandbox.recorder("one", keys), "p.conf", &file).ok());
    REQUIRE(configure({}, {}, file, &configuration).ok());
    instance = std::make_unique<PluginInstance>(plugin, configuration.instances.at(0), run);
    return *instance;
  }
  PluginInstance& created(const std::string& keys) {
    REQUIRE(make(keys).create().ok());
    return *instance;
  }
  ~Fixture() {
    if (instance) CHECK((instance->destroy().ok() || destroy_may_fail));
  }

  Sandbox sandbox;
  Log log{false, -1};
  StopRequest stop;
  RunContext run{log, stop, false};
  std::unique_ptr<PluginInstance> instance;
  paxect_step step{};
  bool destroy_may_fail = false;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "The calls reach the plugin in the order they are made") {
  PluginInstance& one = created("script = done");
  REQUIRE(one.init().ok());
  REQUIRE(one.start().ok());
  REQUIRE(one.step(&step).ok());
  CHECK(step.state == PAXECT_STEP_DONE);
  CHECK(step.outcome == PAXECT_PLUGIN_OK);
  REQUIRE(one.stop().ok());
  REQUIRE(one.destroy().ok());
  REQUIRE(one.destroy().ok());
  CHECK(sandbox.journal_lines() == std::vector<std::string>{"one create", "one init", "one start",
                                                            "one step done", "one stop", "one destroy"});
}

TEST_CASE_METHOD(Fixture, "A failure carries the plugin's status and words") {
  Status status = created("at_init = fail:78").init();
  CHECK(status.code() == 78);
  CHECK(status.message() == "init was told to fail");
  CHECK(created("at_start = fail:75").start().code() == 75);
}

TEST_CASE_METHOD(Fixture, "A failure without words is still described") {
  CHECK(created("at_init = fail:78\nat_error = null").init().message() == "init failed without a reason");
  CHECK(created("at_init = fail:78\nat_error = throw").init().message() ==
        "error threw an exception: error was told to throw");
}

TEST_CASE_METHOD(Fixture, "A status that the ABI does not know is an internal error") {
  for (const char* number : {"1", "3", "-1", "1000"}) {
    Status status = created("at_init = fail:" + std::string(number)).init();
    CHECK(status.code() == 70);
    CHECK(status.message() ==
          "init was told to fail (init returned the unknown status " + std::string(number) + ")");
  }
}

TEST_CASE_METHOD(Fixture, "An exception out of any call is caught at the border") {
  Status status = make("at_create = throw").create();
  CHECK(status.code() == 70);
  CHECK(status.message() == "create threw an exception: create was told to throw");
  CHECK(created("at_init = throw_int").init().message() == "init threw an exception of an unknown type");
  CHECK(created("at_start = throw").start().code() == 70);
  CHECK(created("script = throw").step(&step).code() == 70);
  CHECK(created("at_stop = throw").stop().code() == 70);
  destroy_may_fail = true;
  status = created("at_destroy = throw").destroy();
  CHECK(status.code() == 70);
  CHECK(status.message() == "destroy threw an exception: destroy was told to throw");
  CHECK(instance->destroy().ok());
}

TEST_CASE_METHOD(Fixture, "A create that gives no instance is an internal error") {
  Status status = make("at_create = nothing").create();
  CHECK(status.code() == 70);
  CHECK(status.message() == "create returned no instance");
}

TEST_CASE_METHOD(Fixture, "A step that contradicts itself is an internal error") {
  auto refusal = [&](const std::string& action) {
    Status status = created("script = " + action).step(&step);
    CHECK(status.code() == 70);
    return status.message();
  };
  CHECK(refusal("odd_state") == "step returned the unknown state 9");
  CHECK(refusal("odd_outcome") == "step returned the unknown outcome 75");
  CHECK(refusal("many") == "step returned 257 watches, more than 256");
  CHECK(refusal("null_watches") == "step counted watches but returned none");
}
