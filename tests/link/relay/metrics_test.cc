#include "relay/metrics.h"

#include <sys/stat.h>

#include <filesystem>

#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

using link::Fault;
using link::Status;

struct MetricsRig : LinkRig {
  MetricsRig() { host.set("metrics_file", path()); }
  std::string path() const { return directory / "north.prom"; }
  bool has(const std::string& line) const {
    INFO(read_file(path()));
    bool found = ("\n" + read_file(path())).find("\n" + line + "\n") != std::string::npos;
    UNSCOPED_INFO(line << (found ? "" : " is not there"));
    return found;
  }
};

TEST_CASE("The metrics of a relay follow its files") {
  MetricsRig rig;
  rig.start();
  rig.settle();
  CHECK(rig.has("paxect_link_running{relay=\"north\"} 1"));
  CHECK(rig.has("paxect_link_files_total{relay=\"north\",direction=\"encode\",result=\"delivered\"} 0"));

  rig.put("a.txt", std::string(1000, 'a'));
  rig.put("b.txt", std::string(2000, 'b'));
  rig.put("dup.txt", "same");
  write_file(rig.outbox("dup"), "same");
  rig.put("new.txt", "new");
  write_file(rig.outbox("new"), "old");
  rig.settle(10'000'000'000);
  CHECK(rig.has("paxect_link_files_total{relay=\"north\",direction=\"encode\",result=\"delivered\"} 4"));
  CHECK(rig.has("paxect_link_files_total{relay=\"north\",direction=\"decode\",result=\"delivered\"} 2"));
  CHECK(rig.has("paxect_link_files_total{relay=\"north\",direction=\"decode\",result=\"duplicate\"} 1"));
  CHECK(rig.has("paxect_link_files_total{relay=\"north\",direction=\"decode\",result=\"renamed\"} 1"));
  CHECK(rig.has("paxect_link_bytes_total{relay=\"north\",direction=\"decode\",result=\"delivered\"} 3000"));
  CHECK(rig.has("paxect_link_file_size_bytes_count{relay=\"north\",direction=\"decode\"} 4"));
  CHECK(rig.has("paxect_link_file_size_bytes_bucket{relay=\"north\",direction=\"decode\",le=\"1024\"} 3"));
  CHECK(rig.has("paxect_link_delivery_latency_seconds_count{relay=\"north\",direction=\"decode\"} 4"));

  rig.stop();
  CHECK(rig.has("paxect_link_running{relay=\"north\"} 0"));
}

TEST_CASE("What waits is counted by why it waits, and the oldest of it that is not blocked has an age") {
  MetricsRig rig;
  rig.start();
  rig.put("no.exe", "no");
  rig.put_unclosed("growing.txt", "x");
  rig.settle(0);
  rig.settle(10'000'000'000);
  CHECK(rig.has("paxect_link_queue_files{relay=\"north\",state=\"blocked\"} 1"));
  CHECK(rig.has("paxect_link_queue_files{relay=\"north\",state=\"pending\"} 0"));
  CHECK(rig.has("paxect_link_queue_oldest_age_seconds{relay=\"north\"} 0"));
  CHECK(rig.has("paxect_link_failures_total{relay=\"north\",reason=\"disallowed_suffix\"} 1"));

  // A sidecar without its container is pending for a while. It was there before the start, since its ctime.
  rig.put("lonely.freq.sha256", std::string(64, '0') + "\n");
  std::filesystem::last_write_time(rig.inbox("lonely.freq.sha256"), {});
  struct stat info {};
  REQUIRE(stat(rig.inbox("lonely.freq.sha256").c_str(), &info) == 0);
  rig.host.set_realtime_ns((info.st_ctim.tv_sec + 100) * 1'000'000'000);
  rig.host.set("backoff_sec", "3600");
  rig.stop();
  rig.start();
  rig.settle(10'000'000'000);
  CHECK(rig.has("paxect_link_queue_files{relay=\"north\",state=\"pending\"} 1"));
  std::string text = read_file(rig.path());
  std::size_t at = text.find("\npaxect_link_queue_oldest_age_seconds{relay=\"north\"} ");
  REQUIRE(at != std::string::npos);
  double age = std::stod(text.substr(text.find("} ", at) + 2));
  CHECK(age > 98);
  CHECK(age < 120);
}

TEST_CASE("Files that are held are counted as held, and not as blocked") {
  MetricsRig rig;
  rig.host.set("mode", "send");
  rig.write_policy("\"auto_delete\": false");
  rig.put("a.txt", "a");
  rig.run_once();
  std::filesystem::remove(link::journal_of(rig.lock()));
  rig.start();
  rig.settle(10'000'000'000);
  CHECK(rig.has("paxect_link_queue_files{relay=\"north\",state=\"held\"} 1"));
  CHECK(rig.has("paxect_link_queue_files{relay=\"north\",state=\"blocked\"} 0"));
  // Another policy decides nothing about them.
  rig.write_policy("\"auto_delete\": false, \"max_file_mb\": 7");
  rig.settle(100'000'000'000);
  CHECK(rig.events("policy_reload").size() == 1);
  CHECK(rig.events("held").size() == 1);
  CHECK(rig.has("paxect_link_queue_files{relay=\"north\",state=\"held\"} 1"));
}

TEST_CASE("A relay that waits for a place is measured as waiting for it, and not as in trouble") {
  MetricsRig rig;
  rig.start();
  rig.settle(10'000'000'000);
  const std::string line = "paxect_link_waiting{relay=\"north\",for=\"outbox\"} ";
  CHECK(rig.has(line + "0"));
  std::filesystem::rename(rig.outbox(), rig.directory / "away");
  for (bool started : {true, false}) {
    if (!started) {
      rig.stop();
      CHECK(rig.has(line + "0"));
      rig.start();
    }
    rig.settle(20'000'000'000);
    CHECK(rig.has(line + "1"));
    CHECK(rig.has("paxect_link_waiting{relay=\"north\",for=\"inbox\"} 0"));
    CHECK(rig.has("paxect_link_troubles{relay=\"north\"} 0"));
    CHECK(rig.has("paxect_link_running{relay=\"north\"} 1"));
  }
  rig.stop();  // before it has started
  CHECK(rig.has("paxect_link_running{relay=\"north\"} 0"));
  CHECK(rig.has(line + "0"));
  rig.start();
  std::filesystem::rename(rig.directory / "away", rig.outbox());
  rig.settle(20'000'000'000);
  CHECK(rig.has(line + "0"));
}

TEST_CASE(
    "The metrics are readable by all whatever the umask, and are written no more often than they need be") {
  MetricsRig rig;
  mode_t before = umask(0077);
  rig.start();
  rig.settle();
  umask(before);
  struct stat first {};
  REQUIRE(stat(rig.path().c_str(), &first) == 0);
  CHECK((first.st_mode & 0777) == 0644);
  rig.put("a.txt", "a");
  rig.settle(1'000'000'000);
  struct stat second {};
  REQUIRE(stat(rig.path().c_str(), &second) == 0);
  CHECK(second.st_ino == first.st_ino);
  rig.settle(6'000'000'000);
  CHECK(rig.has("paxect_link_files_total{relay=\"north\",direction=\"decode\",result=\"delivered\"} 1"));
}

TEST_CASE("A metrics file that cannot be written is reported once and disturbs nothing") {
  MetricsRig rig;
  rig.host.set("metrics_file", rig.directory / "nowhere/north.prom");
  rig.start();
  rig.put("a.txt", "a");
  rig.settle(60'000'000'000);
  CHECK(rig.delivered() == std::vector<std::string>{"a"});
  int reported = 0;
  for (const auto& line : rig.host.log()) reported += line.message.starts_with("no metrics: ") ? 1 : 0;
  CHECK(reported == 1);
}

TEST_CASE("A reason has one of few labels, whatever the message holds") {
  auto label = [](const char* event, const char* message) {
    return link::reason_label(Status::refused(event, message));
  };
  CHECK(label("policy_block", "disallowed_suffix:.exe") == "disallowed_suffix");
  CHECK(label("policy_block", "name_too_long:300B") == "name_too_long");
  CHECK(label("policy_block", "of a new kind") == "other");
  CHECK(label("checksum_mismatch", "sidecar sha256 mismatch") == "checksum_mismatch");
  CHECK(label("", "") == "other");
}

TEST_CASE("The peers are counted by what they are worth") {
  MetricsRig rig;
  write_file(rig.directory / "link_manifest_x.json", "{");
  write_file(rig.directory / "link_manifest_y.json", R"({"payload": {"node": "y"}})");
  rig.start();
  rig.settle(10'000'000'000);
  CHECK(rig.has("paxect_link_peers{relay=\"north\",state=\"unreadable\"} 1"));
  CHECK(rig.has("paxect_link_peers{relay=\"north\",state=\"unsigned\"} 1"));
  CHECK(rig.has("paxect_link_peers{relay=\"north\",state=\"signed\"} 0"));
}

}  // namespace
}  // namespace paxect::test
