// Environment variables that no plugin reads, by running `paxect` with them.
#include "unread_variables.h"

#include "host/sandbox.h"
#include "names.h"
#include "support/catch.h"

using namespace paxect::test;

namespace {

// What `paxect check` reports for a section [link] whose plugin reads `inbox` and `poll_sec`.
std::string reported(const std::vector<std::string>& environment, const std::string& section = "link") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder(section, "report = inbox poll_sec core"));
  Result result = sandbox.paxect({"check"}, environment);
  CHECK(result.status == 0);
  return result.error;
}

}  // namespace

TEST_CASE("A variable of a section whose plugin does not read it is pointed out with the nearest one") {
  CHECK(reported({"PAXECT_LINK_INBX=in"}) ==
        "[LINK] PAXECT_LINK_INBX is set, but plugin recorder reads no such setting: did you mean "
        "PAXECT_LINK_INBOX?\n");
  CHECK(reported({"PAXECT_LINK_POLLSEC=2"}) ==
        "[LINK] PAXECT_LINK_POLLSEC is set, but plugin recorder reads no such setting: did you mean "
        "PAXECT_LINK_POLL_SEC?\n");
  CHECK(reported({"PAXECT_LINK_SOMETHING_ELSE=2"}) ==
        "[LINK] PAXECT_LINK_SOMETHING_ELSE is set, but plugin recorder reads no such setting\n");
}

TEST_CASE("A suggestion shares most of the key, or is the only key that begins with it") {
  CHECK(reported({"PAXECT_LINK_POLL=2"}) ==
        "[LINK] PAXECT_LINK_POLL is set, but plugin recorder reads no such setting: did you mean "
        "PAXECT_LINK_POLL_SEC?\n");
  CHECK(reported({"PAXECT_LINK_CODE=x"}).ends_with(": did you mean PAXECT_LINK_CORE?\n"));
  CHECK(reported({"PAXECT_LINK_MODE=x"}).ends_with(" reads no such setting\n"));
}

TEST_CASE("A setting's variable without its section is pointed out") {
  CHECK(reported({"PAXECT_INBOX=in"}) ==
        "[LINK] PAXECT_INBOX is set, but belongs to no section: did you mean PAXECT_LINK_INBOX?\n");
  CHECK(reported({"PAXECT_POLL_SEC=2"}, "a") ==
        "[A] PAXECT_POLL_SEC is set, but belongs to no section: did you mean PAXECT_A_POLL_SEC?\n");
  CHECK(reported({"PAXECT_NO_INBOX=in"}, "in").empty());
}

TEST_CASE("A variable of no section is pointed out when it is nearly one of a section") {
  CHECK(reported({"PAXECT_LNIK_INBOX=in"}) ==
        "[LINK] PAXECT_LNIK_INBOX is set, but belongs to no section: did you mean PAXECT_LINK_INBOX?\n");
  CHECK(reported({"PAXECT_LINKINBOX=in"}) ==
        "[LINK] PAXECT_LINKINBOX is set, but belongs to no section: did you mean PAXECT_LINK_INBOX?\n");
}

TEST_CASE("A variable that is nearly one of the host's own is pointed out") {
  CHECK(reported({"PAXECT_CORES=core"}) ==
        "paxect: PAXECT_CORES is set, but nothing reads it: did you mean PAXECT_CORE?\n");
  CHECK(reported({"PAXECT_PLUGINDIR=/x"}) ==
        "paxect: PAXECT_PLUGINDIR is set, but nothing reads it: did you mean PAXECT_PLUGIN_DIR?\n");
  CHECK(reported({"PAXECT_PLUGIN_DIRECTORY=/x"}) ==
        "paxect: PAXECT_PLUGIN_DIRECTORY is set, but nothing reads it: did you mean PAXECT_PLUGIN_DIR?\n");
  CHECK(reported({"PAXECT_HOST_PLUGIN_DIR=/x"}) ==
        "paxect: PAXECT_HOST_PLUGIN_DIR is set, but the section [host] has no variables: did you mean "
        "PAXECT_PLUGIN_DIR?\n");
  CHECK(reported({"PAXECT_HOST_COLOUR=1"}) ==
        "paxect: PAXECT_HOST_COLOUR is set, but the section [host] has no variables\n");
  Sandbox sandbox;
  CHECK(
      sandbox.paxect({"plugins"}, {"PAXECT_PLUGINDIR=/x"}).error.starts_with("paxect: PAXECT_PLUGINDIR is"));
  sandbox.write_config(sandbox.recorder("link", "script = done"));
  CHECK(sandbox.paxect({"run"}, {"PAXECT_PLUGINDIR=/x"}).error.starts_with("paxect: PAXECT_PLUGINDIR is"));
}

TEST_CASE("A variable of a section named like the host's own belongs to that section") {
  CHECK(reported({"PAXECT_HOST_B_INBOX=in", "PAXECT_CORES_INBOX=in"}, "host_b").empty());
}

TEST_CASE("A variable that is read, empty or of another program is not pointed out") {
  CHECK(reported({"PAXECT_LINK_INBOX=in", "PAXECT_LINK_PLUGIN=recorder"}).empty());
  CHECK(reported({"PAXECT_LINK_INBX=", "PAXECT_CORE=core", "PAXECT_BIN=/bin", "PAXECT_TEST_LONG=1"}).empty());
  CHECK(reported({"PAXECT_CORE=core"}, "a").empty());
}

TEST_CASE("A variable that is not read does not keep a run from starting") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("link", "script = done"));
  Result result = sandbox.paxect({"run"}, {"PAXECT_LINK_SCRIPTS=fail:75"});
  CHECK(result.status == 0);
  CHECK(result.error.starts_with("[LINK] PAXECT_LINK_SCRIPTS is set, but "));
}

TEST_CASE("The nearest name takes the fewest edits within the limit") {
  using paxect::host::nearest;
  CHECK(nearest("inbx", {"outbox", "inbox"}, 3) == "inbox");
  CHECK(nearest("inbox", {"inbox"}, 0) == "inbox");
  CHECK(nearest("inbx", {"inbox"}, 0).empty());
  CHECK(nearest("mode", {"node", "mods"}, 3) == "node");
  CHECK(nearest("", {"a", "abcd"}, 3) == "a");
  CHECK(nearest("x", {}, 3).empty());
}
