#include "host_services.h"

#include <chrono>
#include <cstdlib>
#include <sstream>

#include "support/catch.h"

using namespace paxect::host;

namespace {

struct Fixture {
  Fixture() {
    ConfigFile file;
    Configuration configuration;
    REQUIRE(parse_config("[one]\nplugin = x\nmode = send\n", "p.conf", &file).ok());
    REQUIRE(configure({}, {{"PAXECT_ONE_INBOX", "in"}}, file, &configuration).ok());
    services = std::make_unique<HostServices>(run, configuration.instances.at(0));
    host = services->host();
  }
  template <typename Service>
  const Service* get(const char* id) {
    auto* service = static_cast<const Service*>(host->service(host, id));
    REQUIRE(service != nullptr);
    CHECK(service->struct_size == sizeof(Service));
    return service;
  }

  Log log{false, -1};
  StopRequest stop;
  RunContext run{log, stop, true};
  std::unique_ptr<HostServices> services;
  const paxect_host* host = nullptr;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "The host states its ABI and returns NULL for an unknown service") {
  CHECK(host->struct_size == sizeof(paxect_host));
  CHECK(host->abi == PAXECT_PLUGIN_ABI);
  CHECK(host->service(host, "paxect.unheard_of/1") == nullptr);
  CHECK(host->service(host, "paxect.log/2") == nullptr);
  CHECK(host->service(host, nullptr) == nullptr);
  CHECK(host->service(host, PAXECT_SERVICE_OUTPUT) == nullptr);
}

TEST_CASE_METHOD(Fixture, "The config service returns value and origin and place") {
  auto* config = get<paxect_config_service>(PAXECT_SERVICE_CONFIG);
  std::int32_t origin = -1;
  CHECK(std::string(config->instance_name(host)) == "one");
  CHECK(std::string(config->get(host, "mode", &origin)) == "send");
  CHECK(origin == PAXECT_ORIGIN_FILE);
  CHECK(std::string(config->describe(host, "mode")) == "p.conf:3");
  CHECK(std::string(config->get(host, "inbox", &origin)) == "in");
  CHECK(origin == PAXECT_ORIGIN_ENVIRONMENT);
  CHECK(std::string(config->describe(host, "inbox")) == "PAXECT_ONE_INBOX");
  CHECK(config->get(host, "outbox", &origin) == nullptr);
  CHECK(origin == PAXECT_ORIGIN_NONE);
  CHECK(std::string(config->describe(host, "outbox")) == "default");
  CHECK(config->get(host, "mode", nullptr) != nullptr);
  CHECK(config->get(host, nullptr, nullptr) == nullptr);
}

TEST_CASE_METHOD(Fixture, "The config service lists the keys and then ends") {
  auto* config = get<paxect_config_service>(PAXECT_SERVICE_CONFIG);
  CHECK(std::string(config->key_at(host, 0)) == "mode");
  CHECK(config->key_at(host, 1) == nullptr);
  CHECK(config->key_at(host, UINT32_MAX) == nullptr);
}

TEST_CASE_METHOD(Fixture, "The run service shows once and the stop request") {
  auto* service = get<paxect_run_service>(PAXECT_SERVICE_RUN);
  CHECK(service->once(host) == 1);
  CHECK(service->stop_requested(host) == 0);
  stop.request();
  stop.request();
  CHECK(service->stop_requested(host) == 1);
}

TEST_CASE_METHOD(Fixture, "The clock service agrees with the system's clocks") {
  using namespace std::chrono;
  auto* clock = get<paxect_clock_service>(PAXECT_SERVICE_CLOCK);
  auto before = duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  auto monotonic = static_cast<std::int64_t>(clock->monotonic_ns(host));
  auto after = duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  CHECK(before <= monotonic);
  CHECK(monotonic <= after);
  auto system = duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
  CHECK(std::abs(clock->realtime_ns(host) - system) < nanoseconds(minutes(1)).count());
}

TEST_CASE_METHOD(Fixture, "The log service takes any level and a missing message") {
  auto* service = get<paxect_log_service>(PAXECT_SERVICE_LOG);
  service->write(host, 99, "odd level");
  service->write(host, PAXECT_LOG_ERROR, nullptr);
}

TEST_CASE_METHOD(Fixture, "A command has an output service which reports a failed write") {
  std::ostringstream output;
  HostServices command(RunContext{log, stop, false, &output}, services->settings());
  auto* service = static_cast<const paxect_output_service*>(
      command.host()->service(command.host(), PAXECT_SERVICE_OUTPUT));
  REQUIRE(service != nullptr);
  CHECK(service->struct_size == sizeof *service);
  CHECK(service->write(command.host(), "a\0b", 3) == 0);
  CHECK(output.str() == std::string("a\0b", 3));
  output.setstate(std::ios::badbit);
  CHECK(service->write(command.host(), "c", 1) != 0);
}

TEST_CASE_METHOD(Fixture, "The sections service lists all sections and the options that read them again") {
  CommandLine command_line;
  command_line.config_path = "p.conf";
  command_line.plugin_directory = "/plugins";
  command_line.overrides = {{"one", "mode", "receive"}};
  Configuration configuration;
  configuration.instances.emplace_back("one");
  configuration.instances.emplace_back("two");
  const Sections sections("/usr/bin/paxect", command_line, configuration);
  HostServices with(RunContext{log, stop, false, nullptr, nullptr, &sections}, services->settings());
  auto* service =
      static_cast<const paxect_sections_service*>(with.host()->service(with.host(), PAXECT_SERVICE_SECTIONS));
  REQUIRE(service != nullptr);
  CHECK(service->struct_size == sizeof *service);
  CHECK(std::string(service->name_at(with.host(), 0)) == "one");
  CHECK(std::string(service->name_at(with.host(), 1)) == "two");
  CHECK(service->name_at(with.host(), 2) == nullptr);
  std::vector<std::string> words;
  for (const char* const* word = service->command_line(with.host()); *word != nullptr; ++word)
    words.emplace_back(*word);
  CHECK(words == std::vector<std::string>{"/usr/bin/paxect", "--config", "p.conf", "--plugin-dir", "/plugins",
                                          "--set", "one.mode=receive"});
  // A command, which has no sections, does not have the service either.
  CHECK(host->service(host, PAXECT_SERVICE_SECTIONS) == nullptr);
}

TEST_CASE("Without the path of the program there is no command line") {
  const Sections sections("", CommandLine{}, Configuration{});
  CHECK(sections.command_line() == nullptr);
  CHECK(sections.name_at(0) == nullptr);
}
