#include "base/file_system_type.h"
#include "commands/mount_probe.h"
#include "link/commands/command_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

using Verdict = link::Finding::Verdict;

const link::Finding& finding(const std::vector<link::Finding>& findings, const std::string& what) {
  for (const link::Finding& each : findings)
    if (each.what == what) return each;
  FAIL("no finding '" << what << "'");
  return findings.front();
}

std::vector<link::Finding> probe(const std::string& path, const link::ProbeNeeds& needs) {
  std::vector<link::Finding> findings;
  REQUIRE(link::probe_mount(path, needs, &findings).ok());
  return findings;
}

bool is_in_memory(const std::string& path) {
  link::Directory directory;
  std::uint64_t magic = 0;
  REQUIRE(link::Directory::open(path, &directory).ok());
  REQUIRE(link::file_system_magic(directory.fd(), &magic));
  const std::string name = link::file_system_name(magic);
  return name == "tmpfs" || name == "ramfs";
}

}  // namespace

TEST_CASE("A directory that the relay can work in holds what is measured there") {
  TempDir directory;
  auto findings = probe(directory.path(), {.settle_ns = 500'000'000, .largest_bytes = 1});
  for (const char* what : {"rename without replace", "fsync of a file", "fsync of a directory",
                           "flush of many files", "file locks"}) {
    INFO(what << ": " << finding(findings, what).found);
    CHECK(finding(findings, what).verdict == Verdict::kHolds);
  }
  CHECK(finding(findings, "times of files").found.find("ms") != std::string::npos);
  CHECK((finding(findings, "file system").verdict == Verdict::kFails) == is_in_memory(directory.path()));
}

TEST_CASE("doctor leaves nothing behind") {
  TempDir directory;
  probe(directory.path(), {});
  CHECK(list(directory.path()).empty());
}

TEST_CASE("A disk without room for the largest file does not hold that promise") {
  TempDir directory;
  auto findings =
      probe(directory.path(), {.settle_ns = 500'000'000, .largest_bytes = std::uint64_t{1} << 60});
  CHECK(finding(findings, "room").verdict == Verdict::kFails);
}

TEST_CASE("The exit status of doctor says whether all promises hold and its JSON which do not") {
  FakeHost host;
  TempDir directory;
  host.set("policy", directory / "policy.json");
  write_file(directory / "policy.json", "{\"max_file_mb\": 100000000}");
  auto report = command_json(host, {"doctor", directory.path()}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(report["all_hold"].GetBool());
  std::string failing;
  for (const auto& each : report["findings"].GetArray())
    if (std::string(each["verdict"].GetString()) == "fails")
      failing += std::string(each["what"].GetString()) + ";";
  CHECK(failing.find("room;") != std::string::npos);
  write_file(directory / "policy.json", "{\"max_file_mb\": 1}");
  Outcome outcome = command(host, {"doctor", directory.path()});
  CHECK(outcome.status == (is_in_memory(directory.path()) ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK));
  CHECK(outcome.output.find("rename without replace: works") != std::string::npos);
}

TEST_CASE("doctor of a directory that is not there is an error") {
  FakeHost host;
  TempDir directory;
  CHECK(command(host, {"doctor", directory / "none"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(host.logged("none", PAXECT_LOG_ERROR));
  CHECK(command(host, {"doctor"}).status == PAXECT_PLUGIN_USAGE);
}

}  // namespace paxect::test
