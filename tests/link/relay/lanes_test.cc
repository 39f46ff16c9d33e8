// Large files and small ones beside each other, through the plugin's ABI.
#include "relay/lanes.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "records/state_file.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

using link::Lanes;
using std::chrono::steady_clock;

constexpr std::uint64_t kTerabyte = std::uint64_t{1} << 40;
constexpr std::uint64_t kLarge = Lanes::kLargeBytes + 1;

// A relay that sends, of files of any size.
struct LanesRig : LinkRig {
  LanesRig() {
    host.set("mode", "send");
    host.set("settle_ms", "0");
    write_policy("\"max_file_mb\": 100000000");
  }
  void step() { REQUIRE(link->step() == PAXECT_PLUGIN_OK); }
  // Steps until a small file has this name in the outbox, or a large one that is no huge one.
  void step_until_delivered(const std::string& name) {
    for (int i = 0; i < 100; ++i) {
      step();
      if (std::filesystem::exists(outbox(name))) return;
      if (link->last().state == PAXECT_STEP_WAIT) wait_for_lane();
    }
    FAIL(name << " is not delivered");
  }
  bool has_temporaries() const {
    Names names = list(outbox());
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name.ends_with(".part"); });
  }
};

// Steps until the relay waits with this many files of the outbox begun.
void step_until_in_hand(LanesRig* rig, std::size_t count) {
  const bool begun = eventually([&] {
    rig->step();
    Names names = list(rig->outbox());
    return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [](const std::string& name) {
             return name.ends_with(".part");
           })) == count;
  });
  REQUIRE(begun);
}

TEST_CASE("A small file that waits beside an older large one is delivered first") {
  LanesRig rig;
  rig.put("large.bin", noise(kLarge));
  rig.put("small.txt", "small");
  std::filesystem::last_write_time(rig.inbox("large.bin"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  const auto encoded = rig.events("encode");
  REQUIRE(encoded.size() == 2);
  CHECK(encoded[0].source == rig.inbox("small.txt"));
  CHECK(encoded[1].source == rig.inbox("large.bin"));
  CHECK(list(rig.inbox()).empty());
}

TEST_CASE("Small files are delivered while a large one is in hand, and a stop leaves that as it was") {
  LanesRig rig;
  rig.put_sparse("large.bin", kTerabyte);
  rig.start();
  step_until_in_hand(&rig, 1);
  for (const std::string name : {"a", "b", "c"}) {
    rig.put(name + ".txt", name);
    rig.step_until_delivered(name + ".freq");
  }
  CHECK(rig.events("encode").size() == 3);
  const auto asked = steady_clock::now();
  rig.host.request_stop();
  rig.stop();
  CHECK(steady_clock::now() - asked < std::chrono::seconds(2));
  CHECK(rig.waiting() == Names{"large.bin"});
  CHECK_FALSE(rig.has_temporaries());
  CHECK(rig.events("encode").size() == 3);
}

TEST_CASE("A stop with a large file in each lane takes at most two seconds") {
  LanesRig rig;
  // One lane takes no huge files: the other one is of a size that takes some seconds.
  rig.put_sparse("huge.bin", kTerabyte);
  rig.put("large.bin", noise(std::size_t{300} << 20));
  rig.start();
  step_until_in_hand(&rig, 2);
  const auto asked = steady_clock::now();
  rig.host.request_stop();
  rig.stop();
  CHECK(steady_clock::now() - asked < std::chrono::seconds(2));
  CHECK(rig.waiting() == Names{"huge.bin", "large.bin"});
  CHECK_FALSE(rig.has_temporaries());
}

TEST_CASE("A large file does not wait for a huge one, and of huge ones one is in hand at a time") {
  LanesRig rig;
  rig.put_sparse("huge1.bin", kTerabyte);
  rig.put_sparse("huge2.bin", kTerabyte);
  rig.start();
  step_until_in_hand(&rig, 1);
  rig.put("large.bin", noise(kLarge));
  rig.step_until_delivered("large.freq");
  CHECK(rig.events("encode").size() == 1);
}

TEST_CASE("Two large files and a small one that want one name get three names") {
  LanesRig rig;
  rig.put("name.txt", noise(kLarge, 1));
  rig.put("name.csv", noise(kLarge, 2));
  rig.put("name.bin", "small");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  Names containers = rig.delivered();
  std::erase_if(containers, [](const std::string& name) { return !name.ends_with(".freq"); });
  CHECK(containers.size() == 3);
  CHECK(rig.events("name_conflict").size() == 2);
  CHECK(list(rig.inbox()).empty());
}

TEST_CASE("A large file is delivered both ways, and its duplicate is recognized") {
  LanesRig rig;
  rig.host.set("mode", "relay");
  const std::string data = noise(kLarge);
  for (int times = 0; times < 2; ++times) {
    rig.put("large.bin", data);
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(list(rig.inbox()).empty());
  }
  CHECK(rig.delivered() == Names{"large"});
  CHECK(rig.events("duplicate").size() == 1);
  CHECK((read_file(rig.outbox("large")) == data));
}

TEST_CASE("A large file that is replaced while it is in hand is delivered as it is then") {
  LanesRig rig;
  rig.put_sparse("name.bin", kTerabyte);
  rig.start();
  step_until_in_hand(&rig, 1);
  rig.put_sparse("name.bin", kLarge);
  // The first one ends by itself: the file under its name is another one.
  rig.host.request_stop();
  rig.stop();
  rig.host.request_stop(false);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"name.freq", "name.freq.sha256"});
  CHECK(rig.events("encode").size() == 1);
}

TEST_CASE("An outbox that goes away and comes back with a large file in hand gets it once") {
  LanesRig rig;
  rig.put("large.bin", noise(std::size_t{64} << 20));
  rig.start();
  step_until_in_hand(&rig, 1);
  std::filesystem::rename(rig.outbox(), rig.directory / "away");
  rig.step();
  std::filesystem::rename(rig.directory / "away", rig.outbox());
  rig.host.advance_ns(10'000'000'000);
  while (!std::filesystem::exists(rig.outbox("large.freq"))) {
    rig.step();
    if (rig.link->last().state == PAXECT_STEP_AGAIN || rig.wait_for_lane()) continue;
    rig.host.advance_ns(1'000'000'000);
  }
  rig.settle();
  CHECK(rig.events("encode").size() == 1);
  CHECK_FALSE(rig.has_temporaries());
  CHECK(rig.waiting().empty());
}

TEST_CASE("A large file that is written while its outbox is away gets no name there, and nobody spins") {
  LanesRig rig;
  rig.put("large.bin", noise(kLarge));
  rig.start();
  step_until_in_hand(&rig, 1);
  REQUIRE(rig.wait_for_lane());
  std::filesystem::rename(rig.outbox(), rig.directory / "away");
  for (int i = 0; i < 3; ++i) {
    rig.step();
    CHECK(rig.link->last().state == PAXECT_STEP_WAIT);
    CHECK(rig.link->last().wake_at_ns > rig.host.monotonic_ns());
    CHECK_FALSE(rig.wait_for_lane());
  }
  CHECK_FALSE(exists(rig.directory / "away/large.freq"));
  CHECK(rig.events("encode").empty());
  CHECK(rig.waiting() == Names{"large.bin"});
  std::filesystem::rename(rig.directory / "away", rig.outbox());
  rig.settle(20'000'000'000);
  CHECK(rig.delivered() == Names{"large.freq", "large.freq.sha256"});
  CHECK(rig.events("encode").size() == 1);
  CHECK(rig.waiting().empty());
}

TEST_CASE("The journal does not grow without bound while a large file is in hand") {
  LanesRig rig;
  rig.host.set("recursive", "true");
  rig.put_sparse("large.bin", kTerabyte);
  // A path of which each byte takes three in the journal, which has it twice.
  std::string folder;
  for (int depth = 0; depth < 12; ++depth) folder += std::string(240, '\xe9') + "/";
  std::filesystem::create_directories(rig.inbox(folder));
  rig.start();
  step_until_in_hand(&rig, 1);
  const std::string journal = link::journal_of(rig.lock());
  std::uintmax_t largest = 0;
  std::uintmax_t written = 0;
  std::uintmax_t before = 0;
  for (int round = 0; written < (std::uintmax_t{10} << 20); ++round) {
    REQUIRE(round < 20);
    for (int i = 0; i < 100; ++i) rig.put(folder + std::to_string(100 * round + i) + ".txt", "data");
    rig.host.advance_ns(60'000'000'000);
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
    const std::uintmax_t size = std::filesystem::file_size(journal);
    written += size > before ? size - before : size;
    before = size;
    largest = std::max(largest, size);
  }
  CHECK(largest < (std::uintmax_t{10} << 20));
  // The intent of the large file is still there.
  CHECK(read_file(journal).find("large.bin") != std::string::npos);
}

TEST_CASE("Metrics and status show how far a large file is") {
  LanesRig rig;
  rig.host.set("metrics_file", rig.directory / "north.prom");
  rig.put_sparse("large.bin", kTerabyte);
  rig.start();
  step_until_in_hand(&rig, 1);
  std::uint64_t read = 0;
  for (int i = 0; i < 3; ++i) {
    // It has got further whenever somebody looks.
    CHECK(eventually([&] {
      rig.host.advance_ns(6'000'000'000);
      rig.step();
      const auto state = link::read_state(rig.lock());
      const bool is_further = state && state->in_hand.size() == 1 && state->in_hand[0].bytes_read > read;
      if (is_further) read = state->in_hand[0].bytes_read;
      return is_further;
    }));
  }
  const link::RelayState state = *link::read_state(rig.lock());
  CHECK(state.in_hand[0].path == "large.bin");
  CHECK(state.in_hand[0].size == kTerabyte);
  const std::string metrics = read_file(rig.directory / "north.prom");
  CHECK(metrics.find("paxect_link_queue_files{relay=\"north\",state=\"working\"} 1\n") != std::string::npos);
  CHECK(metrics.find("paxect_link_in_hand_bytes{relay=\"north\"} 1099511627776\n") != std::string::npos);
  CHECK(metrics.find("paxect_link_in_hand_read_bytes{relay=\"north\"} 0\n") == std::string::npos);
  CHECK(metrics.find("paxect_link_running{relay=\"north\"} 1\n") != std::string::npos);
  const std::string age = "paxect_link_in_hand_age_seconds{relay=\"north\"} ";
  REQUIRE(metrics.find(age) != std::string::npos);
  CHECK(std::stod(metrics.substr(metrics.find(age) + age.size())) >= 12);
}

TEST_CASE("A reload while a large file is in hand is for the files after it") {
  LanesRig rig;
  rig.put_sparse("large.bin", kTerabyte);
  rig.start();
  step_until_in_hand(&rig, 1);
  rig.write_policy("\"max_file_mb\": 1");
  auto* extension = static_cast<const paxect_reload_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_RELOAD));
  REQUIRE(extension->reload(rig.link->instance()) == PAXECT_PLUGIN_OK);
  rig.put("blocked.bin", noise(std::size_t{2} << 20));
  rig.put("small.txt", "small");
  rig.step_until_delivered("small.freq");
  CHECK(rig.events("policy_block").size() == 1);
  CHECK(rig.has_temporaries());
  const auto asked = steady_clock::now();
  rig.host.request_stop();
  rig.stop();
  CHECK(steady_clock::now() - asked < std::chrono::seconds(2));
  CHECK(rig.waiting() == Names{"blocked.bin", "large.bin"});
  CHECK_FALSE(rig.has_temporaries());
}

// In relay mode a container is a source as soon as it has its name, which is before its batch is over.
TEST_CASE("A source whose event comes before its batch is committed is not in hand twice") {
  LanesRig rig;
  rig.host.set("mode", "relay");
  rig.host.set("log", rig.directory / "logs/log.jsonl");
  rig.write_policy("\"max_file_mb\": 100000000, \"auto_delete\": false");
  rig.put("large.bin", noise(kLarge));
  rig.start();
  rig.step();
  REQUIRE(rig.wait_for_lane());
  // The batch gives its product its name, and cannot write its line.
  std::filesystem::rename(rig.directory / "logs", rig.directory / "kept");
  write_file(rig.directory / "logs", "");
  rig.step();
  REQUIRE(exists(rig.inbox("large.freq")));
  CHECK_FALSE(exists(rig.outbox("large")));
  std::filesystem::remove(rig.directory / "logs");
  std::filesystem::rename(rig.directory / "kept", rig.directory / "logs");
  rig.settle(60'000'000'000);
  rig.stop();
  CHECK((read_file(rig.outbox("large")) == noise(kLarge)));
  int decoded = 0;
  for (const LogEntry& entry : read_log(rig.directory / "logs/log.jsonl"))
    if (entry.source == rig.inbox("large.freq") && entry.event != "startup") ++decoded;
  CHECK(decoded == 1);
}

TEST_CASE("While a large file is in hand the step is over, and nobody calls the host") {
  LanesRig rig;
  const std::string container = container_of(noise(kLarge));
  rig.put("large.freq", container);
  rig.start();
  step_until_in_hand(&rig, 1);
  REQUIRE(rig.link->last().state == PAXECT_STEP_WAIT);
  const std::uint64_t before = rig.host.looks_for_stop();
  REQUIRE(rig.wait_for_lane());
  CHECK(rig.host.looks_for_stop() == before);
  rig.settle();
  CHECK((read_file(rig.outbox("large.freq")) == container));
}

}  // namespace
}  // namespace paxect::test
