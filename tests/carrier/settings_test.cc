#include "settings.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "support/catch.h"
#include "support/fake_host.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

class Section {
 public:
  Section() {
    host_.set("mode", "send");
    host_.set("folder", "/srv/outbox");
    host_.set("subject", "north");
  }
  Section& set(const std::string& key, const std::string& value) {
    host_.set(key, value);
    return *this;
  }
  Settings read() const {
    Settings settings;
    const Status status = read_settings(Host(host_.get()), &settings);
    INFO(status.message());
    CHECK(status.ok());
    return settings;
  }
  std::string fault() const {
    Settings settings;
    return read_settings(Host(host_.get()), &settings).message();
  }

 private:
  test::FakeHost host_{"carrier"};
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos && text.find('\n') == std::string::npos;
}

std::string write_secret(const test::TempDir& place, const std::string& text, unsigned mode) {
  const std::string path = place.path() + "/secret";
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
  return path;
}

TEST_CASE("Settings have defaults") {
  const Settings settings = Section().read();
  CHECK(settings.state == "/srv/.paxect_carrier_outbox");
  CHECK(settings.lock == "/srv/.paxect_carrier_outbox/lock");
  CHECK(settings.servers == std::vector<std::string>{"nats://127.0.0.1:4222"});
  CHECK(settings.max_stream_mb == 1024);
  CHECK(settings.replicas == 0);
  CHECK(Section().set("replicas", "auto").read().replicas == 0);
  CHECK(Section().set("replicas", "3").read().replicas == 3);
  CHECK(Section().set("folder", "outbox/").read().state == "./.paxect_carrier_outbox");
}

TEST_CASE("Servers get their scheme and their port") {
  const Settings settings = Section().set("servers", "nats://one:14222, two,[::1]:5").read();
  CHECK(settings.servers ==
        std::vector<std::string>{"nats://one:14222", "nats://two:4222", "nats://[::1]:5"});
}

TEST_CASE("A setting that cannot be used is refused with its name") {
  const auto [key, value, expected] = GENERATE(table<std::string, std::string, std::string>(
      {{"mode", "relay", "mode must be send or receive, not 'relay'"},
       {"folder", "", "folder must be a directory"},
       {"folder", "/", "folder must be a directory"},
       {"folder", "a/..", "folder must end with the name"},
       {"state", "/srv/outbox", "state must not be the folder"},
       {"subject", "a.b", "subject must be 1 to 64 letters"},
       {"subject", "", "subject must be 1 to 64 letters"},
       {"servers", "", "servers must be nats://HOST:PORT"},
       {"servers", "a,,b", "servers must be nats://HOST:PORT"},
       {"servers", "http://a", "servers must be nats://HOST:PORT"},
       {"servers", "a:0", "servers must be nats://HOST:PORT"},
       {"servers", "a:70000", "servers must be nats://HOST:PORT"},
       {"servers", "nats://user:word@a", "servers must not have a user or a password"},
       {"servers", "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "servers must name 1 to 16"},
       {"replicas", "2", "replicas must be 1, 3 or 5"},
       {"replicas", "7", "replicas must be a number from 1 to 5"},
       {"replicas", "0", "replicas must be a number from 1 to 5"},
       {"replicas", "", "replicas must be a number from 1 to 5"},
       {"max_stream_mb", "1", "max_stream_mb must be a number from 2"},
       {"ack_wait_ms", "1e3", "ack_wait_ms must be a number"},
       {"backlog", "0", "backlog must be a number from 1"},
       {"tls", "yes", "tls must be on or off"},
       {"nkey", "/does/not/exist", "nkey cannot be read from /does/not/exist"},
       {"color", "red", "color is not a setting of the carrier"}}));
  INFO(key << " = " << value);
  const std::string fault = Section().set(key, value).fault();
  INFO(fault);
  CHECK(contains(fault, expected));
}

// Of RFC 8032, 7.1, TEST 1, in the form of nkeys.
constexpr char kSeed[] = "SUAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YALCA\n";

TEST_CASE("A secret that others can read is refused") {
  const test::TempDir place;
  const std::string path = write_secret(place, kSeed, 0644);
  CHECK(contains(Section().set("nkey", path).fault(), "others can read: chmod 600"));
  chmod(path.c_str(), 0600);
  CHECK(Section().set("nkey", path).read().nkey == path);
}

TEST_CASE("A credential of systemd may have rights for the group, as an ACL shows") {
  const test::TempDir place;
  const std::string path = write_secret(place, kSeed, 0440);
  setenv("CREDENTIALS_DIRECTORY", path.substr(0, path.rfind('/')).c_str(), 1);
  const std::string name = "credential:" + path.substr(path.rfind('/') + 1);
  const std::string found = Section().set("nkey", name).read().nkey;
  unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(found == path);
}

TEST_CASE("A seed that is damaged is refused before a connection is made") {
  const test::TempDir place;
  std::string seed = kSeed;
  seed[20] = 'B';
  const std::string path = write_secret(place, seed.c_str(), 0600);
  CHECK(contains(Section().set("nkey", path).fault(), path + " has no seed of a user's nkey"));
}

TEST_CASE("A file that is no creds file is refused") {
  const test::TempDir place;
  const std::string path = write_secret(place, "hello\n", 0600);
  CHECK(contains(Section().set("credentials", path).fault(), "no line with 'BEGIN NATS USER JWT'"));
}

TEST_CASE("Settings that contradict each other are refused") {
  const test::TempDir place;
  const std::string path = write_secret(place, "SU -----BEGIN NATS USER JWT-----\n", 0600);
  CHECK(contains(Section().set("nkey", path).set("credentials", path).fault(), "one of them must go"));
  CHECK(contains(Section().set("tls", "on").set("tls_cert", path).fault(), "together"));
  CHECK(contains(Section().set("tls_ca", path).fault(), "no effect without tls = on"));
}

}  // namespace
}  // namespace paxect::carrier
