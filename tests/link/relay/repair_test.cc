// Damaged containers in a relay's inbox: those that their protection repairs are delivered, the others go to
// the quarantine with what they lack. pread is replaced in this program, so that a medium can fail.
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/digest.h"
#include "link/commands/command_rig.h"
#include "link/link_rig.h"
#include "link/receiver_rig.h"
#include "stages/original.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/pread_fault.h"

namespace paxect::test {
namespace {

const std::string kData = noise(400'000, 11);

// The data as a container that can lose 10 %.
std::string protected_container(const std::string& data = kData) {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.host.set("protect", "10");
  rig.put("x.txt", data);
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  return read_file(rig.outbox("x.freq"));
}

std::string zeroed(std::string bytes, std::size_t at, std::size_t size) {
  return bytes.replace(at, size, std::string(size, '\0'));
}

// A relay that receives a container, and the sidecar of another if asked to.
struct Receiver : LinkRig {
  explicit Receiver(const std::string& mode = "receive") { host.set("mode", mode); }
  void put_container(const std::string& bytes, const std::string& of_sidecar = "") {
    if (!of_sidecar.empty()) put("a.freq.sha256", link::sha256_hex(of_sidecar) + "  a.freq\n");
    put("a.freq", bytes);
  }
  std::string quarantined(const std::string& name) const { return inbox(".quarantine/" + name); }
};

void check_repaired(const Receiver& rig, const std::string& direction = "decode") {
  REQUIRE(rig.events("repaired").size() == 1);
  const LogEntry entry = rig.events("repaired")[0];
  CHECK(entry.level == "warn");
  CHECK(entry.source == rig.inbox("a.freq"));
  CHECK(entry.message.starts_with("the container was damaged"));
  CHECK(fits_schema("link_plugin", "log", entry.line));
  CHECK(rig.events(direction).size() == 1);
  CHECK(rig.waiting().empty());
}

}  // namespace

TEST_CASE("A damaged container that its protection repairs is delivered, and leaves with its sidecar") {
  const std::string container = protected_container();
  for (const bool has_sidecar : {false, true})
    for (const std::size_t at : {std::size_t{0}, std::size_t{200'000}, container.size() - 20'000}) {
      INFO("bytes from " << at << (has_sidecar ? ", with a sidecar" : ""));
      Receiver rig;
      rig.put_container(zeroed(container, at, 20'000), has_sidecar ? container : "");
      CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
      CHECK(read_file(rig.outbox("a")) == kData);
      check_repaired(rig);
      CHECK(rig.events("decode")[0].message == "sha256=" + link::sha256_hex(kData));
    }
}

TEST_CASE("The log says how many cells of a repaired container were damaged, and so do status and metrics") {
  const std::string container = protected_container();
  Receiver rig;
  rig.host.set("metrics_file", rig.directory / "north.prom");
  rig.start();
  rig.settle();
  CHECK(read_file(rig.directory / "north.prom").find("paxect_link_repaired_total{relay=\"north\"} 0\n") !=
        std::string::npos);
  rig.put_container(zeroed(container, 100 * 2048, 3 * 2048));
  rig.settle();
  rig.host.advance_ns(6'000'000'000);
  rig.settle();
  check_repaired(rig);
  const LogEntry entry = rig.events("repaired")[0];
  CHECK(entry.message.starts_with("the container was damaged: 3 of "));
  CHECK(entry.line.find("\"cells\": 3") != std::string::npos);
  auto status = command_json(rig.host, {"status"});
  CHECK(status["repaired"]["files"].GetUint64() == 1);
  CHECK(status["repaired"]["cells"].GetUint64() == 3);
  CHECK(command(rig.host, {"status"}).output.find("1 damaged container since the start, 3 cells") !=
        std::string::npos);
  const std::string metrics = read_file(rig.directory / "north.prom");
  CHECK(metrics.find("paxect_link_repaired_total{relay=\"north\"} 1\n") != std::string::npos);
  CHECK(metrics.find("paxect_link_repaired_cells_total{relay=\"north\"} 3\n") != std::string::npos);
  rig.stop();
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["repaired"].IsNull());
}

TEST_CASE("A damaged container that is forwarded goes out as it was before the damage") {
  const std::string container = protected_container();
  Receiver rig("send");
  rig.put_container(zeroed(container, 5'000, 30'000), container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a.freq")) == container);
  CHECK(read_file(rig.outbox("a.freq.sha256")) == link::sha256_hex(container) + "\n");
  check_repaired(rig, "forward");
}

TEST_CASE("A relay with both halves repairs what waits in its inbox") {
  Receiver rig("relay");
  rig.put_container(zeroed(protected_container(), 5'000, 30'000));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == kData);
  check_repaired(rig);
}

TEST_CASE("A container that became shorter or longer is repaired") {
  const std::string container = protected_container();
  const std::string damaged[] = {container.substr(0, container.size() - 1000), container.substr(1000),
                                 container.substr(0, 100'000) + container.substr(100'500),
                                 container.substr(0, 100'000) + noise(500, 1) + container.substr(100'000),
                                 container + noise(500, 1)};
  for (const std::string& bytes : damaged) {
    INFO("damage " << &bytes - damaged);
    Receiver rig;
    rig.put_container(bytes, container);
    REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
    check_repaired(rig);
    CHECK(read_file(rig.outbox("a")) == kData);
  }
}

TEST_CASE("Damage of the protection alone is repaired too") {
  const std::string container = protected_container();
  const std::string damaged = zeroed(container, container.size() - 40'000, 4'096);  // of the parity
  for (const bool has_sidecar : {false, true}) {
    Receiver rig;
    rig.put_container(damaged, has_sidecar ? container : "");
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(read_file(rig.outbox("a")) == kData);
    CHECK(rig.events("repaired").size() == 1);
    CHECK(rig.waiting().empty());
  }
}

// Damage that a decoder passes over: of the level in the header, and of the parity.
std::vector<std::string> hidden_damages(const std::string& container) {
  std::vector<std::string> damages;
  for (const std::size_t at : {std::size_t{8}, container.size() - 40'000}) {
    damages.push_back(container);
    damages.back()[at] ^= 4;
  }
  return damages;
}

TEST_CASE("A listed container without a sidecar is repaired before it counts as unlisted") {
  const std::string container = protected_container();
  for (const std::string& damaged : hidden_damages(container))
    for (const char* proof : {"require", "check"}) {
      INFO(proof);
      ReceiverRig rig;
      rig.host.set("proof", proof);
      rig.north.send("a.freq", container);
      rig.put("a.freq", damaged);
      rig.list();
      rig.start();
      rig.settle();
      CHECK(rig.content("a") == kData);
      CHECK(rig.events("repaired").size() == 1);
      CHECK(rig.events("unlisted").empty());
      REQUIRE(rig.events("decode").size() == 1);
      CHECK(rig.events("decode")[0].line.find("\"entry\": 1") != std::string::npos);
    }
}

TEST_CASE(
    "A container is forwarded as its protection says it was, whether or not the damage is in its data") {
  const std::string container = protected_container();
  for (const std::string& damaged : hidden_damages(container)) {
    Receiver rig("send");
    rig.put_container(damaged);
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(read_file(rig.outbox("a.freq")) == container);
    CHECK(read_file(rig.outbox("a.freq.sha256")) == link::sha256_hex(container) + "\n");
    check_repaired(rig, "forward");
  }
}

TEST_CASE("Damage that makes the header ask for too much memory is repaired too") {
  std::string container = protected_container();
  container.replace(8, 16, std::string(16, '\xff'));
  Receiver rig;
  rig.put_container(container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == kData);
  check_repaired(rig);
}

TEST_CASE("What a medium does not deliver of a container is repaired") {
  const std::string container = protected_container();
  Receiver rig;
  rig.put_container(container, container);
  struct stat source {};
  REQUIRE(stat(rig.inbox("a.freq").c_str(), &source) == 0);
  before_pread = [&](int fd, std::uint64_t offset, std::size_t size) {
    struct stat here {};
    if (fstat(fd, &here) != 0 || here.st_ino != source.st_ino) return 0;
    return offset < 150'000 && 140'000 < offset + size ? EIO : 0;
  };
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  before_pread = nullptr;
  CHECK(read_file(rig.outbox("a")) == kData);
  check_repaired(rig);
}

// Lets no read of the file at this path get the bytes from `begin` to `end`.
void make_unreadable(const std::string& path, std::uint64_t begin, std::uint64_t end) {
  struct stat source {};
  REQUIRE(stat(path.c_str(), &source) == 0);
  before_pread = [=](int fd, std::uint64_t offset, std::size_t size) {
    struct stat here {};
    if (fstat(fd, &here) != 0 || here.st_ino != source.st_ino) return 0;
    return offset < end && begin < offset + size ? EIO : 0;
  };
}

TEST_CASE("A block that a medium does not deliver is repaired wherever it is, and reported") {
  const std::string container = protected_container();
  const std::uint64_t last = (container.size() - 1) / 4096 * 4096;
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{4096}, last - 4096, last}) {
    Receiver rig;
    rig.put_container(container);
    make_unreadable(rig.inbox("a.freq"), at, at + 4096);
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    before_pread = nullptr;
    INFO(at);
    CHECK(read_file(rig.outbox("a")) == kData);
    REQUIRE(rig.events("repaired").size() == 1);
    CHECK(rig.events("repaired")[0].message.starts_with("the container was damaged"));
  }
}

TEST_CASE("A damaged source that stays and cannot be read as a whole is delivered once") {
  Receiver rig;
  rig.write_policy("\"auto_delete\": false");
  rig.put_container(protected_container());
  make_unreadable(rig.inbox("a.freq"), 140'000, 144'096);
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  std::filesystem::remove(rig.outbox("a"));
  REQUIRE(chmod(rig.inbox("a.freq").c_str(), 0640) == 0);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  before_pread = nullptr;
  CHECK(list(rig.outbox()).empty());
  CHECK(rig.waiting() == Names{"a.freq"});
}

TEST_CASE("A container that cannot be read and has no protection waits, and is not damaged") {
  Receiver rig;
  rig.put_container(container_of(kData));
  before_pread = [&](int, std::uint64_t offset, std::size_t size) {
    return offset < 150'000 && 140'000 < offset + size ? EIO : 0;
  };
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  before_pread = nullptr;
  CHECK(rig.waiting() == Names{"a.freq"});
  CHECK(rig.events("quarantine").empty());
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == kData);
}

TEST_CASE("A container that lost too much goes to the quarantine, and explain says how far off it was") {
  const std::string container = protected_container();
  const std::string damaged = zeroed(container, 100'000, 100'000);
  for (const bool has_sidecar : {false, true}) {
    Receiver rig;
    rig.put_container(damaged, has_sidecar ? container : "");
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(list(rig.outbox()).empty());
    CHECK(read_file(rig.quarantined("a.freq")) == damaged);
    CHECK(exists(rig.quarantined("a.freq.sha256")) == has_sidecar);
    const char* event = has_sidecar ? "checksum_mismatch" : "decode_error";
    REQUIRE(rig.events(event).size() == 1);
    CHECK(rig.events("repaired").empty());
    const std::string explained = command(rig.host, {"explain", rig.inbox("a.freq")}).output;
    CHECK(explained.find(std::string(event) + ": ") != std::string::npos);
    CHECK(explained.find("; cannot be repaired: window 0 lacks ") != std::string::npos);
    CHECK(explained.find(" cells of 2048 bytes, damaged between bytes ") != std::string::npos);
    CHECK(explained.find("paxect-core salvage " + rig.quarantined("a.freq") + " -o FILE") !=
          std::string::npos);
  }
}

TEST_CASE("A protected container that lost both ends goes to the quarantine with the reason and the remedy") {
  const std::string container = protected_container();
  Receiver rig;
  rig.put_container(container.substr(100, container.size() - 120));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(list(rig.outbox()).empty());
  const std::string explained = command(rig.host, {"explain", rig.inbox("a.freq")}).output;
  CHECK(explained.find("; cannot be repaired: both ends of the protected container are lost") !=
        std::string::npos);
  CHECK(explained.find("paxect-core salvage " + rig.quarantined("a.freq") + " -o FILE") != std::string::npos);
}

TEST_CASE("A damaged container without protection fails as it did before there was any") {
  const std::string container = container_of(kData);
  Receiver rig;
  rig.put_container(zeroed(container, 100'000, 10), container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(rig.events("checksum_mismatch").size() == 1);
  CHECK(rig.events("checksum_mismatch")[0].message == "sidecar sha256 mismatch");
  Receiver other;
  other.put_container(zeroed(container, 100'000, 10));
  CHECK(other.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(other.events("decode_error").size() == 1);
  CHECK(other.events("decode_error")[0].message.find("repair") == std::string::npos);
}

TEST_CASE("A sidecar of the damaged bytes is named as one, with the damage and the remedy") {
  const std::string container = protected_container();
  const std::string damaged = zeroed(container, 100'000, 10'000);
  Receiver rig;
  rig.put_container(damaged, damaged);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(list(rig.outbox()).empty());
  CHECK(rig.events("checksum_mismatch").empty());
  REQUIRE(rig.events("decode_error").size() == 1);
  CHECK(rig.events("decode_error")[0].message.find("; its sidecar is that of the damaged bytes") !=
        std::string::npos);
  const std::string explained = command(rig.host, {"explain", rig.inbox("a.freq")}).output;
  CHECK(explained.find("paxect-core repair " + rig.quarantined("a.freq") + " -o FILE") != std::string::npos);
  // Without that sidecar, it is repaired.
  Receiver alone;
  alone.put_container(damaged);
  CHECK(alone.run_once() == PAXECT_PLUGIN_OK);
  check_repaired(alone);
  // What is beyond repair says so.
  const std::string lost = zeroed(container, 50'000, 200'000);
  Receiver hopeless;
  hopeless.put_container(lost, lost);
  CHECK(hopeless.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(hopeless.events("decode_error").size() == 1);
  CHECK(hopeless.events("decode_error")[0].message.find("cannot be repaired") != std::string::npos);
}

TEST_CASE("The sidecar of another container is a mismatch after a repair, too") {
  const std::string container = protected_container();
  for (const std::string& bytes : {container, zeroed(container, 100'000, 10'000)}) {
    Receiver rig;
    rig.put_container(bytes, "another");
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(rig.events("checksum_mismatch").size() == 1);
    CHECK(rig.events("repaired").empty());
    CHECK(list(rig.outbox()).empty());
    CHECK(read_file(rig.quarantined("a.freq")) == bytes);
  }
}

TEST_CASE("The policy limits the data of a repaired container, too") {
  Receiver rig;
  rig.write_policy("\"max_file_mb\": 0.3");
  rig.put_container(zeroed(protected_container(), 100'000, 10'000));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"a.freq"});
  CHECK(list(rig.outbox()).empty());
  CHECK(rig.events("policy_block").size() == 1);
}

// The data that decodes may be small, and what the protection is of may be large.
TEST_CASE("The policy limits the data that the protection of a container claims, too") {
  const std::string container = protected_container();
  const std::string damaged = zeroed(container, container.size() - 40'000, 4'096);  // of the parity
  const MemoryFile file(damaged);
  const auto original = [&](std::uint64_t max_bytes) {
    std::string digest = "of the source";
    REQUIRE(link::find_original(
                file.fd(), "a.freq", [] { return false; }, 1, max_bytes, &digest)
                .ok());
    return digest;
  };
  CHECK(original(kData.size()) == link::sha256_hex(container));
  CHECK(original(kData.size() - 1) == "");
  CHECK(original(1) == "");
}

TEST_CASE("A repaired source that the policy keeps is delivered once, and can be removed later") {
  const std::string container = protected_container();
  Receiver rig;
  rig.write_policy("\"auto_delete\": false");
  rig.put_container(zeroed(container, 100'000, 10'000), container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.waiting() == Names{"a.freq", "a.freq.sha256"});
  // Another ctime: its content decides.
  std::filesystem::permissions(rig.inbox("a.freq"), std::filesystem::perms::owner_read);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.events("decode").size() == 1);
  rig.write_policy("");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.waiting().empty());
  CHECK(rig.events("decode").size() == 1);
}

TEST_CASE("Where an external core decodes, the built-in one repairs") {
  const std::string container = protected_container();
  Receiver rig;
  rig.host.set("core", PAXECT_TEST_BIN "/paxect-core");
  rig.put_container(zeroed(container, 100'000, 10'000), container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == kData);
  check_repaired(rig);
  // What that core refuses for another reason is not damaged.
  Receiver refused;
  refused.host.set(
      "core", "sh -c 'case $3 in */inbox/*) exit 1; esac; exec " PAXECT_TEST_BIN "/paxect-core \"$@\"' core");
  refused.put_container(container);
  CHECK(refused.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(list(refused.outbox()).empty());
  CHECK(refused.events("repaired").empty());
}

TEST_CASE("A large container is repaired in its lane, every window that can be") {
  const std::string data = noise(40 << 20, 12);
  const std::string container = protected_container(data);
  std::string damaged = zeroed(container, 0, 1 << 20);
  damaged = zeroed(damaged, 25 << 20, 1 << 20);
  Receiver rig;
  rig.put_container(damaged, container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == data);
  check_repaired(rig);
}

}  // namespace paxect::test
