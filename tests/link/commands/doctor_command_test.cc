#include <sys/resource.h>
#include <unistd.h>

#include "base/file_system_type.h"
#include "base/read_lease.h"
#include "commands/mount_probe.h"
#include "link/commands/command_rig.h"
#include "link/mounted_image.h"
#include "support/catch.h"
#include "support/no_leases.h"

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

TEST_CASE("A disk without room for the largest file fails the test of room") {
  TempDir directory;
  auto findings =
      probe(directory.path(), {.settle_ns = 500'000'000, .largest_bytes = std::uint64_t{1} << 60});
  CHECK(finding(findings, "room").verdict == Verdict::kFails);
}

TEST_CASE("doctor reports how a file is known to be complete, and for whose files") {
  TempDir directory;
  const link::ProbeNeeds needs{.settle_ns = 500'000'000, .largest_bytes = 1};
  auto complete = [&] { return finding(probe(directory.path(), needs), "complete files"); };
  if (link::may_lease_every_file())
    CHECK(complete().found == "proved by a read lease, for the files of every user");
  NoLeases scope;
  if (geteuid() == 0 && !scope.works()) return;
  link::Finding own = complete();
  CHECK(own.verdict == Verdict::kPartly);
  CHECK(own.found == "proved by a read lease, for files of this user (" + std::to_string(geteuid()) +
                         "); those of others by inotify and the settle time of 500 ms");
  CHECK(own.effect.find("CAP_LEASE") != std::string::npos);
}

TEST_CASE("doctor names the files that a file system refuses, and no lease where a server has it") {
  MountedImage image(MountedImage::Kind::kNtfs);
  if (!image.is_mounted()) return;
  auto findings = probe(image.path(), {.settle_ns = 500'000'000, .largest_bytes = 1});
  CHECK(finding(findings, "bytes in names").verdict == Verdict::kFails);
  CHECK(finding(findings, "bytes in names").found ==
        "refused: colon, ?, *, \", <, >, |, backslash, newline, bytes that are no UTF-8, a dot at the end, a "
        "blank "
        "at the end, CON");
  CHECK(finding(findings, "bytes in names").effect.find("rename them") != std::string::npos);
  CHECK(finding(findings, "complete files").verdict == Verdict::kPartly);
  CHECK(finding(findings, "complete files").found ==
        "no read leases: by the settle time of 500 ms, and inotify for writers here");
}

TEST_CASE("doctor finds the largest size of a file") {
  TempDir directory;
  auto size = [](const std::string& path, std::uint64_t largest) {
    return finding(
        probe(path, {.settle_ns = 500'000'000, .largest_bytes = 1, .largest_container_bytes = largest}),
        "file size");
  };
  CHECK(size(directory.path(), std::uint64_t{1} << 30).verdict == Verdict::kHolds);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 1 << 20;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
  link::Finding limited = size(directory.path(), 2 << 20);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(limited.verdict == Verdict::kFails);
  CHECK(limited.found.find("at most 1.0 MiB (ulimit -f)") != std::string::npos);
  MountedImage image(MountedImage::Kind::kExt2);
  if (!image.is_mounted()) return;
  link::Finding ends = size(image.path(), std::uint64_t{1} << 40);
  CHECK(ends.verdict == Verdict::kFails);
  CHECK(ends.found.find("files end at 16.") != std::string::npos);
  CHECK(ends.effect.find("lower max_file_mb") != std::string::npos);
  CHECK(size(image.path(), std::uint64_t{1} << 33).verdict == Verdict::kHolds);
}

TEST_CASE("The exit status of doctor says whether all guarantees hold and its JSON which do not") {
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
  CommandResult outcome = command(host, {"doctor", directory.path()});
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
