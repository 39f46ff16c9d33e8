// A core that is another program: what it makes, and what becomes of it when it hangs, fails or lies.
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "link/link_rig.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

// A core that will not touch files of ours, and does all else.
constexpr const char* kPicky =
    "sh -c 'case $3 in */inbox/*) echo no way >&2; exit 2;; esac; exec " PAXECT_TEST_BIN
    "/paxect-core \"$@\"' core";

// Relays bad.txt and good.txt once by `core`, which may take 0.3 s and has one attempt: good.txt must arrive,
// and bad.txt fail once.
void relay_beside_good(LinkRig& rig, const std::string& core) {
  rig.host.set("core", core);
  rig.host.set("core_timeout_sec", "0.3");
  rig.host.set("max_attempts", "1");
  rig.put("bad.txt", "bad");
  rig.put("good.txt", "good");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"good"});
  REQUIRE(rig.events("encode_error").size() == 1);
}

TEST_CASE("A core that fails is tried again and again, then the file goes to quarantine") {
  LinkRig rig;
  rig.host.set("core", kPicky);
  rig.host.set("max_attempts", "3");
  rig.put("a.txt", "a");
  rig.start();
  rig.settle();
  CHECK(rig.events("encode_error").size() == 1);
  CHECK(rig.events("encode_error")[0].message ==
        std::string("core '") + kPicky + "' (encode) ended with status 2: no way");
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.settle(20'000'000'000);
  CHECK(rig.waiting().empty());
  CHECK(rig.events("quarantine").size() == 1);
  CHECK(read_file(rig.inbox(".quarantine/a.txt.reason.json")).find("\"attempts\": 3") != std::string::npos);
}

TEST_CASE("A core that hangs on one file is ended with all it started, and holds up no other file for long") {
  LinkRig rig;
  relay_beside_good(rig, "sh -c 'case $3 in */bad.txt) sleep 1000 & wait;; esac; exec " PAXECT_TEST_BIN
                         "/paxect-core \"$@\"' core");
  CHECK(rig.events("encode_error")[0].message.find("did not end within 0.300 s") != std::string::npos);
  CHECK(list(rig.inbox(".quarantine")) == Names{"bad.txt", "bad.txt.reason.json"});
}

TEST_CASE("What a core started in another session is ended with the core") {
  LinkRig rig;
  std::string pid = rig.directory / "pid";
  relay_beside_good(rig, "sh -c 'case $3 in */bad.txt) setsid sh -c \"echo \\$\\$ >" + pid +
                             "; exec sleep 1000\" & wait;; esac; exec " PAXECT_TEST_BIN
                             "/paxect-core \"$@\"' core");
  CHECK(kill(std::stoi(read_file(pid)), 0) != 0);
  CHECK(errno == ESRCH);
}

TEST_CASE("What a core leaves behind when it has done its work is ended, not waited for") {
  LinkRig rig;
  std::string pid = rig.directory / "pid";
  rig.host.set("core",
               "sh -c '" PAXECT_TEST_BIN "/paxect-core \"$@\"; sleep 1000 & echo $! >" + pid + "' core");
  rig.host.set("core_timeout_sec", "20");
  rig.put("good.txt", "good");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"good"});
  std::string left = read_file(pid);
  left.pop_back();
  CHECK(eventually([&] {
    std::ifstream stat("/proc/" + left + "/stat");
    std::string line;
    return !std::getline(stat, line) || line.find(") Z ") != std::string::npos;
  }));
}

TEST_CASE("Output that another process still has open for writing is not delivered") {
  LinkRig rig;
  const std::string request = rig.directory / "request", opened = rig.directory / "opened";
  REQUIRE(mkfifo(request.c_str(), 0600) == 0);
  REQUIRE(mkfifo(opened.c_str(), 0600) == 0);
  // It is no child of the core, and opens the output of the core before the core ends.
  Background opener(
      {.argv = {"sh", "-c", "read -r path <\"$1\"; exec 9>>\"$path\"; echo >\"$2\"; read -r end <\"$1\"",
                "sh", request, opened}});
  // Not for the sample that the relay tries after the failure.
  write_file(rig.directory / "core.sh",
             PAXECT_TEST_BIN
                 "/paxect-core \"$@\" || exit\ncase $3 in */inbox/*) ;; *) exit ;; esac\necho \"$5\" >" +
                 request + "\nread -r done <" + opened + "\n");
  rig.host.set("mode", "send");
  rig.host.set("core", "sh " + (rig.directory / "core.sh"));
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  opener.signal(SIGKILL);
  CHECK(rig.delivered().empty());
  CHECK(rig.waiting() == Names{"a.txt"});
  REQUIRE(rig.events("encode_error").size() == 1);
  CHECK(rig.events("encode_error")[0].message.find("still writes to its output") != std::string::npos);
}

TEST_CASE("A link that a core puts in the place of its output is removed") {
  LinkRig rig;
  rig.host.set(
      "core",
      "sh -c 'case $3 in */inbox/*) rm \"$5\"; exec ln -s /etc/passwd \"$5\";; esac; exec " PAXECT_TEST_BIN
      "/paxect-core \"$@\"' core");
  rig.host.set("mode", "send");
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.events("encode_error").size() == 1);
  CHECK(list(rig.outbox()).empty());
}

TEST_CASE("A core that makes too little data is reported as such, and not as a file that is too large") {
  const std::string container = container_of("data");
  LinkRig rig;
  rig.host.set("core", "sh -c 'case $3 in */inbox/*) : >\"$5\"; exit;; esac; exec " PAXECT_TEST_BIN
                       "/paxect-core \"$@\"' core");
  rig.host.set("mode", "receive");
  rig.put("a.freq", container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(rig.events("decode_error").size() == 1);
  const std::string message = rig.events("decode_error")[0].message;
  CHECK(message.find("file_too_large") == std::string::npos);
  CHECK(message.find("it made 0 bytes, and the container holds more") != std::string::npos);
}

TEST_CASE("A core that hangs on everything is our trouble, not the file's") {
  LinkRig rig;
  rig.host.set("core", "sh -c 'sleep 1000' core");
  rig.host.set("core_timeout_sec", "0.1");
  rig.host.set("max_attempts", "1");
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"a.txt"});
  REQUIRE(rig.events("encode_error").size() == 1);
  CHECK(rig.events("encode_error")[0].status == "pending");
}

TEST_CASE("A core that writes without end is ended when it has written more than the policy lets out") {
  LinkRig rig;
  rig.write_policy("\"max_file_mb\": 1");
  rig.host.set("core", "sh -c 'test $1 = encode || exec yes >\"$5\"; exec " PAXECT_TEST_BIN
                       "/paxect-core \"$@\"' core");
  rig.put("a.freq", container_of("a"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"a.freq"});
  CHECK(list(rig.outbox()).empty());
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message.starts_with("file_too_large:"));
}

TEST_CASE("Attempts count together over restarts, until the file changes") {
  LinkRig rig;
  rig.host.set("core", kPicky);
  rig.host.set("max_attempts", "3");
  rig.put("a.txt", "a");
  for (int attempt = 1; attempt < 3; ++attempt) {
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(rig.waiting() == Names{"a.txt"});
    CHECK(rig.events("encode_error").size() == static_cast<std::size_t>(attempt));
  }
  rig.put("a.txt", "another");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"a.txt"});
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting().empty());
  CHECK(read_file(rig.inbox(".quarantine/a.txt.reason.json")).find("\"attempts\": 3") != std::string::npos);
}

TEST_CASE("A container that a core finds damaged goes to quarantine at once") {
  LinkRig rig;
  rig.host.set("core", kPicky);
  rig.put("a.freq", container_of("a"));
  rig.start();
  rig.settle();
  CHECK(rig.waiting().empty());
  CHECK(rig.events("decode_error").size() == 1);
  CHECK(rig.events("quarantine").size() == 1);
}

TEST_CASE("A core that fails on everything is our trouble, not the file's") {
  const char* core =
      GENERATE("python3 no_such_core.py", "sh -c 'exit 4' core", "sh -c 'echo x > \"$5\"' core", "true");
  INFO(core);
  LinkRig rig;
  rig.host.set("core", core);
  rig.host.set("max_attempts", "1");
  rig.put("a.txt", "a");
  rig.put("b.freq", container_of("b"));
  rig.start();
  rig.settle(60'000'000'000);
  CHECK(rig.waiting() == Names{"a.txt", "b.freq"});
  CHECK(rig.delivered().empty());
  for (const char* event : {"encode_error", "decode_error"}) {
    REQUIRE(rig.events(event).size() == 1);
    CHECK(rig.events(event)[0].status == "pending");
    CHECK(rig.events(event)[0].message.find("check the setting core and PAXECT_CORE") != std::string::npos);
  }
  rig.stop();
  rig.host.set("core", "builtin");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"a", "b"});
}

TEST_CASE("An external core makes what the built-in one makes") {
  LinkRig builtin;
  LinkRig external;
  external.host.set("core", PAXECT_TEST_BIN "/paxect-core");
  std::string data = text(2'000'000);
  for (LinkRig* rig : {&builtin, &external}) {
    rig->host.set("mode", "send");
    rig->put("a.txt", data);
    CHECK(rig->run_once() == PAXECT_PLUGIN_OK);
  }
  CHECK(read_file(builtin.outbox("a.freq")) == read_file(external.outbox("a.freq")));
  LinkRig relay;
  relay.host.set("core", PAXECT_TEST_BIN "/paxect-core");
  relay.put("b c.txt", data);
  CHECK(relay.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(relay.outbox("b c")) == data);
}

TEST_CASE("A file that changes while it is read is not delivered as it was, but as it is in the end") {
  LinkRig rig;
  // This core writes to its input once, before it encodes it.
  rig.host.set("core",
               "sh -c 'test -e changed || { touch changed; echo more >> \"$3\"; }; exec " PAXECT_TEST_BIN
               "/paxect-core \"$@\"' core");
  auto before = std::filesystem::current_path();
  std::filesystem::current_path(rig.directory.path());
  rig.put("a.txt", "some\n");
  rig.start();
  rig.settle();
  CHECK(rig.delivered() == Names{"a"});
  CHECK(read_file(rig.outbox("a")) == "some\nmore\n");
  CHECK(exists(rig.directory / "changed"));
  CHECK(rig.events("encode").size() == 1);
  rig.stop();
  std::filesystem::current_path(before);
}

TEST_CASE("A core that cannot be run is our trouble, not the file's") {
  LinkRig rig;
  rig.host.set("core", "/does/not/exist");
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.events("deferred").size() == 1);
  CHECK(rig.waiting() == Names{"a.txt"});
}

TEST_CASE("What an external core damaged is not published") {
  LinkRig rig;
  rig.host.set("core",
               "sh -c '" PAXECT_TEST_BIN
               "/paxect-core \"$@\" || exit; case $3 in */bad*) printf XXXX | dd of=\"$5\" bs=1 seek=60 "
               "conv=notrunc status=none;; esac' core");
  rig.host.set("mode", "send");
  rig.host.set("max_attempts", "2");
  rig.put("bad.txt", text(5000));
  rig.put("good.txt", "good");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"good.freq", "good.freq.sha256"});
  CHECK(rig.waiting() == Names{"bad.txt"});
  REQUIRE(rig.events("encode_error").size() == 1);
  CHECK(rig.events("encode_error")[0].message.find("made a container that does not decode to the data of") !=
        std::string::npos);
}

TEST_CASE("A core that decodes to other data than the container holds delivers nothing") {
  LinkRig rig;
  rig.host.set("core", "sh -c '" PAXECT_TEST_BIN
                       "/paxect-core \"$@\" || exit; case $3 in */bad.freq) printf X >\"$5\";; esac' core");
  rig.host.set("max_attempts", "2");
  rig.put("bad.freq", container_of("data"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered().empty());
  CHECK(rig.waiting() == Names{"bad.freq"});
  REQUIRE(rig.events("decode_error").size() == 1);
  CHECK(rig.events("decode_error")[0].message.find("made other data than the container holds") !=
        std::string::npos);
}

TEST_CASE("The time limit holds for a core that closes its standard error") {
  LinkRig rig;
  relay_beside_good(rig,
                    "sh -c 'case $3 in */bad.txt) exec 2>/dev/null; sleep 1000;; esac; exec " PAXECT_TEST_BIN
                    "/paxect-core \"$@\"' core");
  CHECK(rig.events("encode_error")[0].message.find("did not end within 0.300 s") != std::string::npos);
}

TEST_CASE("A core gets no setting, key or credential of the relay in its environment") {
  LinkRig rig;
  const std::string seen = rig.directory / "seen";
  const char* own[] = {"PAXECT_LINK_HMAC_KEY",  "PAXECT__LINK__B___HMAC_KEY_",
                       "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET",
                       "WATCHDOG_USEC",         "LISTEN_FDS"};
  for (const char* name : own) setenv(name, "topsecret", 1);
  setenv("CORE_NEEDS_THIS", "kept", 1);
  setenv("PAXECT_CORE_LIBRARY", "kept", 1);
  rig.host.set("core", "sh -c 'env >\"" + seen + "\"; exec " PAXECT_TEST_BIN "/paxect-core \"$@\"' core");
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  for (const char* name : own) unsetenv(name);
  unsetenv("CORE_NEEDS_THIS");
  unsetenv("PAXECT_CORE_LIBRARY");
  const std::string variables = read_file(seen);
  CHECK(variables.find("topsecret") == std::string::npos);
  CHECK(variables.find("CORE_NEEDS_THIS=kept\n") != std::string::npos);
  CHECK(variables.find("PAXECT_CORE_LIBRARY=kept\n") != std::string::npos);
  CHECK(variables.find("PATH=") != std::string::npos);
}

}  // namespace
}  // namespace paxect::test
