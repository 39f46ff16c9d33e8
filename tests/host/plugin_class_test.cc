// plugin.hpp: the functions that it makes from a class, against a host whose services the test controls.
#include <paxect/plugin.hpp>

#include <new>
#include <stdexcept>
#include <string>

#include "support/catch.h"
#include "support/fake_host.h"

using paxect::plugin::Entry;
using paxect::plugin::Host;
using paxect::test::FakeHost;
using paxect::test::PluginDriver;

namespace {

// Does in each call what the setting of its name says: "throw", "no memory", or a number to return.
class Subject {
 public:
  explicit Subject(const Host& host) : host_(host) {
    if (host_.get("create") != nullptr) throw std::runtime_error("not made");
    ++alive;
  }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  ~Subject() { --alive; }

  paxect_plugin_status init() { return act("init"); }
  paxect_plugin_status start() { return act("start"); }
  paxect_plugin_status step(paxect_step* result) {
    result->state = PAXECT_STEP_DONE;
    return act("step");
  }
  paxect_plugin_status reload() { return act("reload"); }
  void stop() { act("stop"); }
  const std::string& error() const { return error_; }

  static int alive;

 private:
  paxect_plugin_status act(const char* call) {
    const char* value = host_.get(call);
    const std::string what = value == nullptr ? "0" : value;
    if (what == "throw") throw std::runtime_error(std::string(call) + " threw");
    if (what == "no memory") throw std::bad_alloc();
    if (what == "throw a number") throw 7;
    error_ = what == "0" ? "" : std::string(call) + " failed";
    return std::stoi(what);
  }

  const Host host_;
  std::string error_;
};

int Subject::alive = 0;

constexpr paxect_plugin_descriptor kSubject =
    Entry<Subject>::descriptor("subject", "1.0.0", "fails as a test asks for", nullptr);

struct Listed {
  paxect_command listing;
  const char* outcome;
};
constexpr Listed kCommands[] = {{{sizeof(paxect_command), "fine", "", "works"}, ""},
                                {{sizeof(paxect_command), "thrower", "", "throws"}, "a fault"}};

paxect_plugin_status call(const Listed& command, const Host& host, const std::vector<std::string>& words) {
  if (*command.outcome != '\0') throw std::runtime_error(command.outcome);
  for (const std::string& word : words) host.write(word + ";");
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status run(FakeHost& host, std::vector<const char*> words) {
  words.push_back(nullptr);
  return paxect::plugin::run_command(host.get(), static_cast<std::int32_t>(words.size() - 1), words.data(),
                                     kCommands, call);
}

}  // namespace

TEST_CASE("an instance made from a class goes through its life and is freed") {
  FakeHost host("subject");
  {
    PluginDriver driver(&kSubject, host);
    CHECK(Subject::alive == 1);
    CHECK(driver.init() == PAXECT_PLUGIN_OK);
    CHECK(driver.start() == PAXECT_PLUGIN_OK);
    CHECK(driver.step() == PAXECT_PLUGIN_OK);
    CHECK(driver.last().state == PAXECT_STEP_DONE);
    CHECK(Entry<Subject>::reload_extension()->reload(driver.instance()) == PAXECT_PLUGIN_OK);
    CHECK(driver.error().empty());
  }
  CHECK(Subject::alive == 0);
  CHECK(kSubject.extension("paxect.commands/1") == nullptr);
}

TEST_CASE("a failure of a class is reported with its text, and an exception with what it says") {
  struct Case {
    const char* value;
    paxect_plugin_status status;
    const char* error;
  };
  const Case failing = GENERATE(Case{"78", PAXECT_PLUGIN_CONFIG, "start failed"},
                                Case{"throw", PAXECT_PLUGIN_INTERNAL, "start threw"},
                                Case{"no memory", PAXECT_PLUGIN_INTERNAL, "out of memory"},
                                Case{"throw a number", PAXECT_PLUGIN_INTERNAL, ""});
  FakeHost host("subject");
  host.set("start", failing.value);
  PluginDriver driver(&kSubject, host);
  REQUIRE(driver.init() == PAXECT_PLUGIN_OK);
  CHECK(driver.start() == failing.status);
  CHECK(driver.error() == failing.error);
}

TEST_CASE("an exception of stop and reload ends at the border") {
  FakeHost host("subject");
  host.set("stop", "throw");
  host.set("reload", "throw");
  PluginDriver driver(&kSubject, host);
  REQUIRE(driver.init() == PAXECT_PLUGIN_OK);
  REQUIRE(driver.start() == PAXECT_PLUGIN_OK);
  CHECK(Entry<Subject>::reload_extension()->reload(driver.instance()) == PAXECT_PLUGIN_INTERNAL);
  CHECK(driver.error() == "reload threw");
  driver.stop();
  CHECK(driver.error() == "stop threw");
}

TEST_CASE("a class that cannot be made leaves no instance") {
  FakeHost host("subject");
  host.set("create", "1");
  paxect_plugin_instance* instance = nullptr;
  CHECK(kSubject.create(host.get(), &instance) == PAXECT_PLUGIN_INTERNAL);
  CHECK(instance == nullptr);
  CHECK(Subject::alive == 0);
}

TEST_CASE("a host without services makes no instance and runs no command") {
  paxect_host bare{};
  bare.struct_size = sizeof bare;
  bare.service = [](const paxect_host*, const char*) -> const void* { return nullptr; };
  paxect_plugin_instance* instance = nullptr;
  CHECK(kSubject.create(&bare, &instance) == PAXECT_PLUGIN_INTERNAL);
  CHECK(instance == nullptr);
  const char* words[] = {"fine", nullptr};
  CHECK(paxect::plugin::run_command(&bare, 1, words, kCommands, call) == PAXECT_PLUGIN_INTERNAL);
}

TEST_CASE("a command is found by its name, and what it throws is logged") {
  FakeHost host("subject");
  CHECK(run(host, {"fine", "a", "b"}) == PAXECT_PLUGIN_OK);
  CHECK(host.take_output() == "a;b;");
  CHECK(run(host, {"thrower"}) == PAXECT_PLUGIN_INTERNAL);
  CHECK(host.logged("internal error: a fault", PAXECT_LOG_ERROR));
  CHECK(run(host, {"fines"}) == PAXECT_PLUGIN_USAGE);
  CHECK(host.logged("unknown command 'fines'", PAXECT_LOG_ERROR));
  CHECK(run(host, {}) == PAXECT_PLUGIN_INTERNAL);
  CHECK(paxect::plugin::command_at(kCommands, 1) == &kCommands[1].listing);
  CHECK(paxect::plugin::command_at(kCommands, 2) == nullptr);
}
