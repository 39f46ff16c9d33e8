// Removals of sources as a crash leaves them, with a source under its hidden name, and what a start makes of
// them.
#include <algorithm>
#include <filesystem>

#include "link/journal_scene.h"

namespace paxect::test {
namespace {

TEST_CASE("Delivered, and its removal was broken off: it is not delivered again, finished or not") {
  for (bool finished : {true, false}) {
    Scene scene;
    scene.name();
    if (finished) scene.finish();
    std::filesystem::rename(scene.rig.inbox("a.freq"), scene.rig.inbox(".a.freq.paxect-leaving"));
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(list(scene.rig.inbox()).empty());
    CHECK(scene.rig.delivered().empty());
    CHECK(scene.rig.events("decode").size() == (finished ? 0 : 1));
  }
}

TEST_CASE("The removal of a container was broken off at its sidecar: both go, whatever their names") {
  for (const std::string& stem : {std::string("a"), std::string(243, 'x')}) {
    Scene scene;
    const std::string container = stem + ".freq";
    const std::string sidecar = link::sidecar_of(container);
    std::filesystem::rename(scene.rig.inbox("a.freq"), scene.rig.inbox(container));
    scene.intent.source = container;
    REQUIRE(link::identity_of(scene.rig.inbox(container), &scene.intent.identity));
    scene.name();
    scene.rig.put(link::tombstone_of(sidecar),
                  link::sha256_hex(read_file(scene.rig.inbox(container))) + "\n");
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(list(scene.rig.inbox()).empty());
    CHECK(scene.rig.delivered().empty());
  }
}

TEST_CASE("Delivered, and another file was caught under the hidden name: that one is delivered too") {
  Scene scene;
  scene.prepare();
  std::filesystem::remove(scene.rig.inbox("a.freq"));
  scene.rig.put(".a.freq.paxect-leaving", container_of("another"));
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(list(scene.rig.inbox()).empty());
  CHECK(scene.rig.delivered() == Names{"a"});
  CHECK(read_file(scene.rig.outbox("a")) == "another");
}

TEST_CASE("Removal broken off, and a new file has the name of the source: that one alone is delivered") {
  Scene scene;
  scene.name();
  std::filesystem::rename(scene.rig.inbox("a.freq"), scene.rig.inbox(".a.freq.paxect-leaving"));
  scene.rig.put("a.freq", container_of("another"));
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(list(scene.rig.inbox()).empty());
  CHECK(scene.rig.delivered() == Names{"a"});
  CHECK(read_file(scene.rig.outbox("a")) == "another");
}

TEST_CASE("Another file under the hidden name, and a third under that of the source: both are delivered") {
  Scene scene;
  scene.prepare();
  scene.rig.put("a.freq", container_of("third"));
  scene.rig.put(".a.freq.paxect-leaving", container_of("another"));
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(list(scene.rig.inbox()).empty());
  REQUIRE(scene.rig.delivered().size() == 2);
  CHECK(read_file(scene.rig.outbox("a")) == "third");
  CHECK(read_file(scene.rig.outbox(scene.rig.delivered()[1])) == "another");
}

TEST_CASE("A hidden name that the journal does not know gives its file back, in any folder") {
  for (const char* folder : {"", "sub/"}) {
    LinkRig rig;
    rig.host.set("recursive", "true");
    std::filesystem::create_directories(rig.inbox(folder));
    rig.put(std::string(folder) + ".a.txt.paxect-leaving", "data");
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(read_file(rig.outbox(std::string(folder) + "a")) == "data");
    CHECK(list(rig.inbox(folder)).empty());
  }
}

TEST_CASE("A stop ends the recovery of removals between two files, and the next start goes on") {
  std::size_t stopped_between = 0;
  for (std::uint64_t looks = 0;; ++looks) {
    INFO(looks);
    REQUIRE(looks < 1000);
    LinkRig rig;
    rig.write_policy("\"auto_delete\": false");
    const Names names = {"a.txt", "b.txt", "c.txt"};
    for (const std::string& name : names) rig.put(name, name);
    rig.run_once();
    const std::size_t before = rig.delivered().size();
    // Removals that caught another file each.
    for (const std::string& name : names) {
      std::filesystem::remove(rig.inbox(name));
      rig.put(link::tombstone_of(name), "another " + name);
    }
    const auto back = [&] {
      return static_cast<std::size_t>(std::count_if(
          names.begin(), names.end(), [&](const std::string& name) { return exists(rig.inbox(name)); }));
    };
    rig.host.request_stop_after(looks);
    rig.start();
    rig.stop();
    const bool is_whole = back() == names.size();
    if (back() > 0 && !is_whole) ++stopped_between;
    rig.host.request_stop_after(UINT64_MAX / 2);
    rig.host.request_stop(false);
    rig.run_once();
    CHECK(back() == names.size());
    for (const std::string& name : names) CHECK(read_file(rig.inbox(name)) == "another " + name);
    CHECK(rig.delivered().size() > before);
    if (is_whole) break;
  }
  CHECK(stopped_between > 0);
}

TEST_CASE("Kept by policy once, and its removal was broken off: it is not delivered again") {
  Scene scene;
  scene.remember();
  std::filesystem::rename(scene.rig.inbox("a.freq"), scene.rig.inbox(".a.freq.paxect-leaving"));
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(list(scene.rig.inbox()).empty());
  CHECK(scene.rig.delivered().empty());
}

TEST_CASE("Kept by policy, and removed when that changes: with its own sidecar, not with another's") {
  for (bool own : {true, false}) {
    Scene scene;
    scene.remember();
    const std::string text =
        own ? link::sha256_hex(read_file(scene.rig.inbox("a.freq"))) : std::string(64, '0');
    scene.rig.put("a.freq.sha256", text + "\n");
    scene.rig.run_once();
    CHECK(list(scene.rig.inbox()) == (own ? Names{} : Names{"a.freq.sha256"}));
    CHECK(scene.rig.delivered().empty());
  }
}

}  // namespace
}  // namespace paxect::test
