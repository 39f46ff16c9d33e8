// The relay dies at every call that changes something. After a restart the audit log says of each file what
// it would have said without that: kind of event, names, sizes, conflicts of names, repairs.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "commands/log_reader.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

// Containers, made once.
struct Containers {
  TempDir made;

  std::string of(const std::string& data, const std::vector<std::string>& more = {}) const {
    write_file(made / "data", data);
    std::vector<std::string> argv = {
        PAXECT_TEST_BIN "/paxect-core", "encode", "-i", made / "data", "-o", made / "container"};
    argv.insert(argv.end(), more.begin(), more.end());
    REQUIRE(run({.argv = argv}).status == 0);
    std::string container = read_file(made / "container");
    std::filesystem::remove(made / "container");
    return container;
  }

  const std::string plain = of(text(30'000));
  const std::string conflict = of("wants a name that is taken");
  const std::string twice = of("is there already");
  const std::string whole = of(noise(50'000, 3), {"--protect", "20"});
};

// A relay of one mode with a file for each kind of line.
class Scene {
 public:
  Scene(const std::string& mode, const Containers& containers) : mode_(mode) {
    put("plain.freq", containers.plain);
    put("taken.freq", containers.conflict);
    put("twice.freq", containers.twice);
    put("heal.freq.sha256", link::sha256_hex(containers.whole) + "\n");
    put("heal.freq", std::string(containers.whole).replace(20'000, 5'000, std::string(5'000, '\0')));
    put("bad.freq.sha256", std::string(64, '0') + "\n");
    put("bad.freq", containers.plain);
    std::filesystem::create_directories(site_.path("outbox"));
    if (mode == "send") {
      put("small.txt", "a few bytes");
      put("other.txt", "wants a name that is taken, too");
      place("taken.freq", "another container");
      place("other.freq", "one more");
      place("twice.freq", containers.twice);
    } else {
      place("taken", "another file");
      place("twice", "is there already");
    }
  }

  // Whether the relay was killed at the n-th of these calls.
  bool run_killed(const std::string& calls, int when) {
    const std::string fault = calls + ":signal=KILL:when=" + std::to_string(when);
    const std::vector<std::string> wrap = {
        "strace", "-f", "-q", "-o", site_.path("trace"), "-e", "trace=" + calls, "-e", "inject=" + fault};
    run(site_.command(arguments(), wrap));
    return read_file(site_.path("trace")).find("SIGKILL") != std::string::npos;
  }

  // Until nothing is left but what is in the quarantine.
  void finish() {
    for (int attempt = 0; attempt < 5; ++attempt) {
      run(site_.command(arguments()));
      if (list(site_.path("inbox")) == Names{".quarantine"}) return;
    }
    CHECK(list(site_.path("inbox")) == Names{".quarantine"});
  }

  // What is complete and was not there at first.
  void take_delivered() {
    for (const std::string& name : list(site_.path("outbox"))) {
      if (name.front() == '.' || name.ends_with(".sha256") || placed_.contains(name)) continue;
      std::filesystem::remove(site_.path("outbox/" + name + ".sha256"));
      std::filesystem::remove(site_.path("outbox/" + name));
    }
  }

  // The lines about files, in any order; without what differs in each run.
  std::vector<std::string> lines() const {
    static const std::set<std::string> kOfFiles = {"encode",        "decode",   "forward",    "duplicate",
                                                   "name_conflict", "repaired", "quarantine", "policy_block"};
    std::vector<std::string> lines;
    std::istringstream text(site_.log());
    for (std::string each; std::getline(text, each);) {
      const std::optional<link::LogLine> line = link::parse_log_line(each);
      REQUIRE(line);
      if (!kOfFiles.contains(line->event)) continue;
      std::string shown = line->level + " " + line->event + " " + line->source + " " + line->target + " " +
                          line->status + " " + line->message + " bytes=" + std::to_string(line->bytes) +
                          " container=" + std::to_string(line->container_bytes);
      for (std::size_t at = 0; (at = shown.find(site_.directory(), at)) != std::string::npos;)
        shown.erase(at, site_.directory().size());
      lines.push_back(shown);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  bool has_recovered() const { return site_.log().find("finished after a restart") != std::string::npos; }

 private:
  std::vector<std::string> arguments() const { return {"--once", "--set", "link.mode=" + mode_}; }
  void put(const std::string& name, const std::string& contents) {
    write_file(site_.path("inbox/" + name), contents);
  }
  void place(const std::string& name, const std::string& contents) {
    write_file(site_.path("outbox/" + name), contents);
    placed_.insert(name);
  }

  std::string mode_;
  RelaySite site_;
  std::set<std::string> placed_;
};

// Kills the relay at each of these calls, or at some of them unless the long tests were asked for.
void check_kills(const std::string& mode) {
  const Containers containers;
  Scene undisturbed(mode, containers);
  undisturbed.finish();
  const std::vector<std::string> expected = undisturbed.lines();
  CHECK(expected.size() == (mode == "send" ? 11 : 8));
  bool has_recovered = false;
  for (const auto& [calls, step] : {std::pair{"renameat2,renameat", 1},
                                    {"unlinkat,unlink", 3},
                                    {"fsync,fdatasync,syncfs", 3},
                                    {"write,pwrite64", 9}}) {
    for (int when = 1; when < 2000; when += is_long() ? 1 : step) {
      INFO("mode " << mode << ", killed at call " << when << " of " << calls);
      Scene scene(mode, containers);
      const bool killed = scene.run_killed(calls, when);
      if (when % 2 == 0) scene.take_delivered();
      scene.finish();
      CHECK(scene.lines() == expected);
      has_recovered = has_recovered || scene.has_recovered();
      if (!killed) break;
    }
  }
  CHECK(has_recovered);
}

TEST_CASE("Killed at any call, a sender logs after a restart what it would have logged without that") {
  if (has_strace()) check_kills("send");
}

TEST_CASE("Killed at any call, a receiver logs after a restart what it would have logged without that") {
  if (has_strace()) check_kills("receive");
}

}  // namespace
}  // namespace paxect::test
