// `smoke`: is this installation fit to run, for people and for CI.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "base/clock.h"
#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/smoke.h"
#include "settings/link_config.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kPatience = 60 * kSecond;

// The directory of the module that this code is in.
std::string own_directory() {
  static constexpr char kHere = 0;
  Dl_info info{};
  return dladdr(&kHere, &info) == 0 ? "" : directory_name(info.dli_fname);
}

SmokePlan plan_of(const Call& call, const LinkConfig& config) {
  const char* temporary = std::getenv("TMPDIR");
  const std::vector<std::string>& words = call.arguments().words;
  return {.parent = !words.empty()                               ? words.front()
                    : temporary != nullptr && *temporary != '\0' ? temporary
                                                                 : "/tmp",
          .node = config.node,
          .core = config.core,
          .host_program = "/proc/self/exe",
          .plugin_directory = own_directory(),
          .patience_ns = kPatience};
}

// Whole or not at all; what is no file, such as /dev/stdout, is written to and not replaced.
Status write_report(const std::string& path, const std::string& text) {
  struct stat there {};
  if (stat(path.c_str(), &there) != 0 || S_ISREG(there.st_mode))
    return replace_file(path, text, Durable::kNothing);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  return fd ? write_all(fd.get(), text.data(), text.size(), path) : io_failure("open", path, errno);
}

void print_json(const TestSuite& suite, bool passed, Console* console) {
  JsonLine json;
  json.add("passed", passed);
  json.begin_array("cases");
  for (const TestCase& each : suite.cases) {
    json.begin_element();
    json.add("name", each.name);
    json.add("passed", each.passed());
    json.add("failure", each.failure);
    json.add("seconds", static_cast<double>(each.nanoseconds) / static_cast<double>(kSecond));
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

void print_text(const TestSuite& suite, Console* console) {
  std::string times;
  for (const TestCase& each : suite.cases) {
    console->line((each.passed() ? "PASS - " : "FAIL - ") + each.name +
                  (each.passed() ? "" : ": " + each.failure));
    times += (times.empty() ? "" : ", ") + each.name + " " + seconds_text(each.nanoseconds) + " s";
  }
  console->line("Time: " + times);
}

}  // namespace

paxect_plugin_status run_smoke_command(const Call& call) {
  LinkConfig config;
  TestSuite suite{.name = "paxect.link.smoke", .realtime_ns = call.host().realtime_ns()};
  const Status configured = read_config(call.host(), KeyUse::kIfReadable, &config);
  suite.node = config.node;
  if (configured.ok())
    suite.cases = run_smoke(plan_of(call, config), call.host());
  else
    for (const char* name : kSmokeCases) suite.cases.push_back({.name = name, .failure = configured.message});
  bool passed = true;
  for (const TestCase& each : suite.cases) passed = passed && each.passed();

  const std::optional<std::string>& report = call.arguments().junit;
  if (report) {
    Status status = write_report(*report, junit_text(suite));
    if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  }
  if (call.arguments().json)
    print_json(suite, passed, &call.console());
  else
    print_text(suite, &call.console());
  if (report && !call.arguments().json) call.console().line("JUnit report written to: " + shown(*report));
  if (!configured.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, configured.message);
  return passed ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
