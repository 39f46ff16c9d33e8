// Who must own ./paxect.conf when nobody named it, by running `paxect` beside it.
#include <sys/stat.h>
#include <unistd.h>

#include "host/sandbox.h"
#include "support/catch.h"

using namespace paxect::test;

namespace {

constexpr uid_t kOther = 12345;
const std::string kRemedy =
    ": it names programs to run, so it is read only when you name it: -c ./paxect.conf\n";

// A directory with a usable ./paxect.conf.
struct Fixture {
  Fixture() { sandbox.write_config(sandbox.recorder("one")); }

  Result check() const { return sandbox.paxect({"check"}); }
  Result check_named() const { return sandbox.paxect({"check", "-c", "./paxect.conf"}); }
  // The reason of the refusal, without the remedy, which every refusal has; the named file is always read.
  std::string refusal() const {
    Result result = check();
    CHECK(result.status == 78);
    REQUIRE(result.error.ends_with(kRemedy));
    CHECK(check_named().status == 0);
    return result.error.substr(0, result.error.size() - kRemedy.size());
  }
  void give_away(const std::string& name) const {
    if (geteuid() != 0) return;
    REQUIRE(lchown((sandbox / name).c_str(), kOther, kOther) == 0);
  }

  Sandbox sandbox;
};

bool can_give_away() {
  if (geteuid() == 0) return true;
  WARN("not shown: only root can give a file to another user");
  return false;
}

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "A configuration in the working directory is read when only the user can write it") {
  CHECK(check().status == 0);
  // Whoever replaces the file in a shared directory cannot make it owned by the user.
  const std::string shared = sandbox / "shared";
  REQUIRE(mkdir(shared.c_str(), 0777) == 0);
  REQUIRE(chmod(shared.c_str(), 0777) == 0);
  REQUIRE(rename(sandbox.config().c_str(), (shared + "/paxect.conf").c_str()) == 0);
  Command command = sandbox.command({"check"});
  command.directory = shared;
  CHECK(run(command).output == "one: ok (plugin recorder 1.2.3)\n");
}

TEST_CASE_METHOD(Fixture, "A configuration of another user is read only when it is named") {
  if (!can_give_away()) return;
  give_away("paxect.conf");
  CHECK(refusal() == "paxect: paxect.conf is owned by user 12345, neither root nor the user who runs this");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"run"}, {"plugins"}, {"one"}, {"one", "say"}})
    CHECK(sandbox.paxect(arguments).status == 78);
  CHECK(sandbox.journal_lines().size() == 3);  // of the one that was named
}

TEST_CASE_METHOD(Fixture, "A configuration that others can write is read only when it is named") {
  REQUIRE(chmod(sandbox.config().c_str(), 0664) == 0);
  CHECK(refusal() == "paxect: paxect.conf is writable by its group: chmod g-w");
  REQUIRE(chmod(sandbox.config().c_str(), 0646) == 0);
  CHECK(refusal() == "paxect: paxect.conf is writable by everyone: chmod go-w");
}

TEST_CASE_METHOD(Fixture, "A symbolic link is validated as well as its target") {
  REQUIRE(rename(sandbox.config().c_str(), (sandbox / "real.conf").c_str()) == 0);
  REQUIRE(symlink("real.conf", sandbox.config().c_str()) == 0);
  CHECK(check().status == 0);
  if (!can_give_away()) return;
  give_away("paxect.conf");
  CHECK(
      refusal() ==
      "paxect: paxect.conf is a symbolic link owned by user 12345, neither root nor the user who runs this");
  REQUIRE(lchown(sandbox.config().c_str(), 0, 0) == 0);
  give_away("real.conf");
  CHECK(refusal() == "paxect: paxect.conf is owned by user 12345, neither root nor the user who runs this");
}

TEST_CASE_METHOD(Fixture, "Every symbolic link on the way to the configuration is validated") {
  REQUIRE(mkdir((sandbox / "release").c_str(), 0755) == 0);
  REQUIRE(rename(sandbox.config().c_str(), (sandbox / "release/real.conf").c_str()) == 0);
  REQUIRE(symlink("release", (sandbox / "current").c_str()) == 0);
  REQUIRE(symlink((sandbox / "./current//real.conf").c_str(), (sandbox / "second").c_str()) == 0);
  REQUIRE(symlink("release/../second", sandbox.config().c_str()) == 0);
  CHECK(check().status == 0);
  if (!can_give_away()) return;
  const std::string end = "', a symbolic link owned by user 12345, neither root nor the user who runs this";
  SECTION("a link that the link leads to") {
    give_away("second");
    CHECK(refusal() == "paxect: paxect.conf leads to 'second" + end);
  }
  SECTION("a link in place of a directory") {
    give_away("current");
    CHECK(refusal() == "paxect: paxect.conf leads to 'current" + end);
  }
  SECTION("a directory may be another user's") {
    give_away("release");
    CHECK(check().status == 0);
  }
}

TEST_CASE_METHOD(Fixture, "Symbolic links that lead to each other are refused") {
  REQUIRE(unlink(sandbox.config().c_str()) == 0);
  REQUIRE(symlink("loop", sandbox.config().c_str()) == 0);
  REQUIRE(symlink("paxect.conf", (sandbox / "loop").c_str()) == 0);
  Result result = check();
  CHECK(result.status == 78);
  CHECK(result.error == "paxect: paxect.conf: Too many levels of symbolic links\n");
}

TEST_CASE_METHOD(Fixture, "A symbolic link to nothing is not taken for a missing configuration") {
  REQUIRE(unlink(sandbox.config().c_str()) == 0);
  REQUIRE(symlink("nowhere", sandbox.config().c_str()) == 0);
  Result result = check();
  CHECK(result.status == 78);
  CHECK(result.error == "paxect: paxect.conf: a symbolic link to a file that does not exist\n");
}

TEST_CASE_METHOD(Fixture,
                 "A FIFO or a directory in place of the configuration is refused and blocks nothing") {
  REQUIRE(unlink(sandbox.config().c_str()) == 0);
  SECTION("FIFO") { REQUIRE(mkfifo(sandbox.config().c_str(), 0600) == 0); }
  SECTION("directory") { REQUIRE(mkdir(sandbox.config().c_str(), 0700) == 0); }
  Result result = check();
  CHECK(result.status == 78);
  CHECK(result.error == "paxect: paxect.conf is not a regular file" + kRemedy);
}
