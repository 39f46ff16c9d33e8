// Relays in one process with a low limit of open files.
#include <algorithm>
#include <filesystem>

#include "base/descriptor_share.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

constexpr int kFiles = 200;

// Runs `paxect ARGUMENTS` in a directory, with at most `limit` open files.
Result limited(const std::string& directory, int limit, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"sh", "-c", "ulimit -n " + std::to_string(limit) + "; exec \"$@\"",
                                   "limited", PAXECT_TEST_BIN "/paxect"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run({.argv = argv, .directory = directory});
}

std::string section(const std::string& name, const std::string& more = "") {
  std::string text = "[" + name + "]\nplugin = link\nmode = send\nsettle_ms = 0\n" + more;
  for (const char* key : {"inbox", "outbox", "lock", "policy", "manifest", "log"})
    text += std::string(key) + " = " + name + "/" + key + "\n";
  return text;
}

int containers_in(const std::string& directory) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    count += entry.path().extension() == ".freq" ? 1 : 0;
  return count;
}

TEST_CASE("Relays share the limit equally for as long as they exist") {
  link::DescriptorShare one;
  const std::size_t all = one.max_open();
  {
    link::DescriptorShare two;
    CHECK(one.max_open() == all / 2);
    CHECK(two.max_open() == all / 2);
  }
  CHECK(one.max_open() == all);
}

TEST_CASE("Two relays in one process deliver within a low limit of open files") {
  TempDir directory;
  write_file(directory / "paxect.conf", section("one") + section("two"));
  for (const char* name : {"one", "two"}) {
    std::filesystem::create_directories(directory / (name + std::string("/inbox")));
    for (int i = 0; i < kFiles; ++i)
      write_file(directory / (name + std::string("/inbox/f") + std::to_string(i) + ".txt"),
                 std::to_string(i));
  }
  Result result = limited(directory.path(), 100, {"run", "--once"});
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(result.error.find("Too many open files") == std::string::npos);
  for (const char* name : {"one", "two"}) {
    CHECK(containers_in(directory / (name + std::string("/outbox"))) == kFiles);
    CHECK(read_file(directory / (name + std::string("/log"))).find("Too many open files") ==
          std::string::npos);
  }
}

TEST_CASE("Many folders cost no open files, in a relay and in its commands") {
  TempDir directory;
  write_file(directory / "paxect.conf", section("link", "recursive = true\n"));
  for (int i = 0; i < kFiles; ++i) {
    const std::string folder =
        directory / ("link/inbox/d" + std::to_string(i % 100) + "/e" + std::to_string(i));
    std::filesystem::create_directories(folder);
    write_file(folder + "/f.txt", std::to_string(i));
  }
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"link", "status"}, {"link", "explain", "d1/e1/f.txt"}}) {
    Result result = limited(directory.path(), 40, command);
    INFO(result.output << result.error);
    CHECK((result.output + result.error).find("Too many open files") == std::string::npos);
    CHECK(result.output.find(command[1] == "status" ? "200" : "f.txt") != std::string::npos);
  }
  Result result = limited(directory.path(), 100, {"run", "--once"});
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(result.error.find("Too many open files") == std::string::npos);
  CHECK(read_file(directory / "link/log").find("Too many open files") == std::string::npos);
  CHECK(containers_in(directory / "link/outbox") == kFiles);
}

}  // namespace
}  // namespace paxect::test
