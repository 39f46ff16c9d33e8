// What other users can see of an installed relay: modes of files, keys, core dumps.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include <filesystem>
#include <map>

#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

namespace fs = std::filesystem;

const std::string kKey = "9f2c-the-key-of-this-test-51ab";
const std::string kPaxect = PAXECT_TEST_INSTALLED "/bin/paxect";

// A relay with one file to deliver, one to block and one for quarantine.
struct Site {
  Site() {
    fs::create_directories(directory / "inbox");
    write_file(directory / "inbox/good.txt", "good");
    write_file(directory / "inbox/blocked.exe", "no");
    write_file(directory / "inbox/damaged.freq", "damaged");
    write_file(directory / "paxect.conf",
               "[link]\nsettle_ms = 1\nmetrics_file = north.prom\nhmac_key = file:key\n");
    write_file(directory / "key", kKey);
    chmod((directory / "key").c_str(), 0600);
  }
  Command command(const std::string& shell) const {
    return {.argv = {"sh", "-c", shell, "sh", kPaxect},
            .environment = {"PAXECT_CORE"},
            .directory = directory.path()};
  }
  // The modes of new files, by path.
  std::map<std::string, unsigned> made() const {
    std::map<std::string, unsigned> modes;
    for (const auto& entry : fs::recursive_directory_iterator(directory.path())) {
      std::string path = fs::relative(entry.path(), directory.path()).string();
      if (path == "paxect.conf" || path == "key" || path == "inbox" || path == "inbox/blocked.exe" ||
          path == "inbox/.quarantine/damaged.freq")
        continue;
      modes[path] = static_cast<unsigned>(entry.symlink_status().permissions());
    }
    return modes;
  }

  TempDir directory;
};

TEST_CASE("Everything a relay writes follows the umask, and nobody else may write what is its own") {
  struct Expected {
    const char* umask;
    unsigned own, delivered, directory;
  };
  for (Expected expected : {Expected{"077", 0600, 0600, 0700},
                            {"022", 0644, 0644, 0755},
                            {"002", 0644, 0664, 0775},
                            {"000", 0644, 0666, 0777}}) {
    Site site;
    INFO("umask " << expected.umask);
    Result result = run(site.command(std::string("umask ") + expected.umask + "; exec \"$1\" run --once"));
    INFO(result.error);
    REQUIRE(result.status == 1);
    auto modes = site.made();
    CHECK(modes.size() == 12);
    for (const auto& [path, mode] : modes) {
      INFO(path);
      if (path == "north.prom")
        CHECK(mode == 0644u);  // for the collector
      else if (path == "outbox/good")
        CHECK(mode == expected.delivered);
      else if (path == "outbox" || path == "inbox/.quarantine")
        CHECK(mode == expected.directory);
      else
        CHECK(mode == expected.own);
    }
  }
}

TEST_CASE("A key is in no file that a relay writes and in none of its messages") {
  Site site;
  write_file(site.directory / "link_manifest_x.json", R"({"payload": {"node": "x"}, "hmac_sha256": "00"})");
  Result result = run(site.command("exec \"$1\" run --once --verbose"));
  CHECK(result.status == 1);
  CHECK((result.error + result.output).find(kKey) == std::string::npos);
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(site.directory.path())) {
    if (!entry.is_regular_file() || entry.path().filename() == "key") continue;
    ++files;
    INFO(entry.path().string());
    CHECK(read_file(entry.path().string()).find(kKey) == std::string::npos);
  }
  CHECK(files > 8);
}

TEST_CASE("A key on the command line is refused before anything else, with the word of no key") {
  Site site;
  Result result = run(site.command("exec \"$1\" run --once --set link.hmac_key=" + kKey));
  CHECK(result.status == 78);
  CHECK(result.error.find("every user") != std::string::npos);
  CHECK(result.error.find(kKey) == std::string::npos);
  CHECK_FALSE(exists(site.directory / "paxect_link_log.jsonl"));
}

TEST_CASE("A relay with a key leaves no core dump, where one without leaves one") {
  std::string pattern = read_file("/proc/sys/kernel/core_pattern");
  if (pattern.starts_with('|') || pattern.starts_with('/')) {
    WARN("not shown: core dumps do not go to the working directory here, but to " << pattern);
    return;
  }
  auto core_files = [](const char* key) {
    Site site;
    Background relay(
        site.command(std::string("ulimit -c unlimited; exec \"$1\" run --set link.hmac_key=") + key));
    REQUIRE(eventually([&] { return exists(site.directory / "outbox/good"); }));
    relay.signal(SIGQUIT);
    CHECK(relay.wait().status == 128 + SIGQUIT);
    long count = 0;
    for (const std::string& name : list(site.directory.path())) count += name.starts_with("core") ? 1 : 0;
    return count;
  };
  if (core_files("") == 0) {
    WARN("not shown: this system leaves no core dump at all");
    return;
  }
  CHECK(core_files("file:key") == 0);
}

// A core that works, and also writes outside the directories that it was given. It records in ran.txt of the
// working directory whether that succeeded.
struct Intruder {
  Intruder() {
    fs::create_directories(outside.path());
    write_file(site.directory / "core.sh", "#!/bin/sh\nif echo broken >" + (outside / "planted") +
                                               " 2>/dev/null; then said=planted; else said=refused; fi\n"
                                               "echo $said >" +
                                               (site.directory / "ran.txt") +
                                               "\nexec " PAXECT_TEST_INSTALLED "/bin/paxect-core \"$@\"\n");
    fs::permissions(site.directory / "core.sh", fs::perms::owner_all);
  }
  Result run(const std::string& sandbox) const {
    Command command = site.command("exec \"$1\" run --once --set link.sandbox=" + sandbox +
                                   " --set 'link.core=" + (site.directory / "core.sh") + "'");
    // The temporary directory is one of those that a core may write to.
    command.environment.push_back("TMPDIR=" + site.directory.path());
    return test::run(command);
  }
  std::string came_of_it() const { return read_file(site.directory / "ran.txt"); }

  Site site;
  TempDir outside;
};

bool is_confined(const Site& site) {
  return read_file(site.directory / "paxect_link_log.jsonl").find("confined to its own directories") !=
         std::string::npos;
}

TEST_CASE(
    "What a relay starts cannot write outside of the relay's directories, and does its work all the same") {
  Intruder free;
  CHECK(free.run("off").status == 1);
  CHECK(free.came_of_it() == "planted\n");
  CHECK(read_file(free.site.directory / "outbox/good") == "good");

  Intruder confined;
  Result result = confined.run("auto");
  INFO(result.error);
  CHECK(result.status == 1);
  CHECK(read_file(confined.site.directory / "outbox/good") == "good");
  if (!is_confined(confined.site)) {
    WARN("not shown: this system has no Landlock");
    return;
  }
  CHECK(confined.came_of_it() == "refused\n");
  CHECK_FALSE(exists(confined.outside / "planted"));
  Intruder required;
  CHECK(required.run("require").status == 1);
  CHECK(required.came_of_it() == "refused\n");
}

TEST_CASE("A confined relay continues with an inbox and an outbox that are replaced while it runs") {
  Site site;
  Background relay(site.command("exec \"$1\" run --set link.poll_sec=0.05 --set link.backoff_sec=0.1"));
  REQUIRE(eventually([&] { return exists(site.directory / "outbox/good"); }));
  for (const char* name : {"inbox", "outbox"}) {
    fs::rename(site.directory / name, site.directory / (std::string(name) + ".old"));
    fs::create_directory(site.directory / name);
  }
  // The operator says that they are the ones from now on.
  for (const std::string role : {"inbox", "outbox"})
    CHECK(run(site.command("exec \"$1\" link place adopt " + role)).status == 0);
  write_file(site.directory / "inbox/.new", "later");
  fs::rename(site.directory / "inbox/.new", site.directory / "inbox/later.txt");
  CHECK(eventually([&] { return exists(site.directory / "outbox/later"); }));
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
}

}  // namespace
}  // namespace paxect::test
