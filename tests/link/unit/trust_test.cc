#include "stages/trust.h"

#include <rapidjson/document.h>

#include <filesystem>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

const std::string kManifests = PAXECT_TEST_VECTORS "/manifests/";

TEST_CASE("Every manifest vector is judged as its index says") {
  std::string text = test::read_file(kManifests + "index.json");
  rapidjson::Document index;
  index.Parse(text.c_str());
  REQUIRE(index.HasMember("accepted"));
  std::string key = index["key"].GetString();
  int seen = 0;
  const rapidjson::Value& accepted = index["accepted"];
  for (auto entry = accepted.MemberBegin(); entry != accepted.MemberEnd(); ++entry) {
    std::string file = kManifests + "link_manifest_" + entry->name.GetString() + ".json";
    INFO(file);
    Peer peer = judge_manifest(test::read_file(file), key, true);
    CHECK((peer.state == PeerState::kSigned) == entry->value.GetBool());
    ++seen;
  }
  CHECK(seen >= 17);
}

TEST_CASE("Without a required signature an unsigned peer is listed, a wrong signature is not") {
  std::string unsigned_text = test::read_file(kManifests + "link_manifest_unsigned.json");
  std::string wrong = test::read_file(kManifests + "link_manifest_tampered.json");
  CHECK(judge_manifest(unsigned_text, "k", false).state == PeerState::kUnsigned);
  CHECK(judge_manifest(unsigned_text, "k", true).state == PeerState::kRejected);
  CHECK(judge_manifest(wrong, "k", false).state == PeerState::kRejected);
  CHECK(judge_manifest(wrong, std::nullopt, false).state == PeerState::kUnverified);
  CHECK(judge_manifest(wrong, std::nullopt, true).state == PeerState::kRejected);
}

TEST_CASE("What cannot be read is no peer") {
  for (const char* text : {"", "[]", "{\"payload\": []}", "{\"payload\": {\"node\": 1}}",
                           "{\"payload\": {\"node\": \"a\", \"node\": \"b\"}}"})
    CHECK(judge_manifest(text, "k", false).state == PeerState::kUnreadable);
}

TEST_CASE("A manifest that we write is one that we accept") {
  std::string text = manifest_text({{"node", "Z\xc3\xbcrich \xff"}, {"inbox", "/a\"b"}}, "key");
  Peer peer = judge_manifest(text, "key", true);
  CHECK(peer.state == PeerState::kSigned);
  CHECK(judge_manifest(text, "kez", true).state == PeerState::kRejected);
  CHECK(judge_manifest(manifest_text({{"node", "n"}}, std::nullopt), "key", false).state ==
        PeerState::kUnsigned);
}

TEST_CASE("Peers are reported when they are new or change, and only then") {
  test::TempDir temp;
  std::string own = temp / "link_manifest.json";
  test::write_file(own, "ours");
  test::write_file(temp / "link_manifest_b.json", manifest_text({{"node", "b"}}, "key"));
  test::write_file(temp / "other.json", "{}");
  std::vector<std::string> reported;
  auto changed = [&](const std::string&, const Peer& peer) { reported.push_back(peer.node); };
  PeerTable peers;
  REQUIRE(peers.refresh(own, "key", true, changed).ok());
  REQUIRE(peers.refresh(own, "key", true, changed).ok());
  CHECK(reported == std::vector<std::string>{"b"});
  test::write_file(temp / "link_manifest_b.json", manifest_text({{"node", "bb"}}, "key"));
  REQUIRE(peers.refresh(own, "key", true, changed).ok());
  CHECK(reported.size() == 2);
}

TEST_CASE("A peer whose judgement stays the same is reported once, whenever it writes its manifest") {
  test::TempDir temp;
  const std::string own = temp / "link_manifest.json";
  const std::string theirs = temp / "link_manifest_b.json";
  std::vector<PeerState> reported;
  PeerTable peers;
  auto refresh = [&](const char* key) {
    REQUIRE(peers
                .refresh(own, key, true,
                         [&](const std::string&, const Peer& peer) { reported.push_back(peer.state); })
                .ok());
  };
  for (const char* time : {"10:00", "10:01 ", "10:02  "}) {
    test::write_file(theirs, manifest_text({{"node", "b"}, {"datetime_utc", time}}, "key"));
    refresh("key");
    peers.judge_again();
    CHECK(peers.counts()["signed"] == 1);
    refresh("key");
  }
  CHECK(reported == std::vector{PeerState::kSigned});
  peers.judge_again();
  refresh("another key");
  CHECK(reported == std::vector{PeerState::kSigned, PeerState::kRejected});
  std::filesystem::remove(theirs);
  refresh("key");
  CHECK(peers.counts()["signed"] == 0);
}

TEST_CASE("The HMAC is that of RFC 4231") {
  CHECK(hmac_sha256_hex("what do ya want for nothing?", "Jefe") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace paxect::link
