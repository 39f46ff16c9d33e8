#include "base/place_marker.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "base/relay_paths.h"
#include "base/token.h"
#include "records/place_match.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

using namespace paxect;
using namespace paxect::test;

namespace {

struct Scene {
  Scene() { REQUIRE(link::Directory::open(directory.path(), &opened).ok()); }

  TempDir directory;
  link::Directory opened;
  std::string marker = directory / link::kPlaceMarker;
};

}  // namespace

TEST_CASE("The first relay makes the marker of a place, and later ones share it") {
  Scene scene;
  std::string token = "?";
  bool is_refused = true;
  REQUIRE(link::read_marker(scene.opened, &token).ok());
  CHECK(token.empty());
  const std::string first = token = link::make_token();
  REQUIRE(link::make_marker(scene.opened, &token, &is_refused).ok());
  CHECK(token == first);
  CHECK(read_file(scene.marker) == "paxect-place 1 " + first + "\n");
  token = link::make_token();
  REQUIRE(link::make_marker(scene.opened, &token, &is_refused).ok());
  CHECK(token == first);
  REQUIRE(link::read_marker(scene.opened, &token).ok());
  CHECK(token == first);
  CHECK(list(scene.directory.path()).empty());
}

TEST_CASE("A marker that holds no token is reported, and never replaced") {
  Scene scene;
  std::string token;
  bool is_refused = true;
  SECTION("empty") { write_file(scene.marker, ""); }
  SECTION("something else") { write_file(scene.marker, "paxect-place 1 abc\n"); }
  SECTION("of a later format") { write_file(scene.marker, "paxect-place 2 " + link::make_token() + "\n"); }
  SECTION("a link") { std::filesystem::create_symlink("/etc/hostname", scene.marker); }
  SECTION("a directory") { std::filesystem::create_directory(scene.marker); }
  link::Status status = link::read_marker(scene.opened, &token);
  CHECK(status.fault == link::Fault::kEnvironment);
  CHECK(status.message.find(scene.marker) != std::string::npos);
  token = link::make_token();
  CHECK_FALSE(link::make_marker(scene.opened, &token, &is_refused).ok());
  CHECK(list(scene.directory.path()).empty());
}

TEST_CASE("Relays that make the marker of a place at the same time agree on it, and none fails") {
  constexpr std::size_t kRelays = 4;
  for (int round = 0; round < 50; ++round) {
    Scene scene;
    std::array<std::string, kRelays> tokens;
    std::array<link::Status, kRelays> outcomes;
    std::vector<std::thread> relays;
    for (std::size_t i = 0; i < kRelays; ++i)
      relays.emplace_back([&, i] {
        bool is_refused = false;
        tokens[i] = link::make_token();
        outcomes[i] = link::make_marker(scene.opened, &tokens[i], &is_refused);
      });
    for (std::thread& relay : relays) relay.join();
    std::string made;
    REQUIRE(link::read_marker(scene.opened, &made).ok());
    for (std::size_t i = 0; i < kRelays; ++i) {
      INFO(outcomes[i].message);
      CHECK(outcomes[i].ok());
      CHECK(tokens[i] == made);
    }
    CHECK(list(scene.directory.path()).empty());
  }
}

TEST_CASE("A stop ends the waiting for a relay that is making the marker") {
  Scene scene;
  write_file(scene.directory / ".paxect-place.part", "");
  std::string token = link::make_token();
  bool is_refused = false;
  const auto begun = std::chrono::steady_clock::now();
  const link::Status status = link::make_marker(scene.opened, &token, &is_refused, [] { return true; });
  CHECK(status.fault == link::Fault::kEnvironment);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(1));
}

TEST_CASE("A directory has the same fingerprint and derived token as long as it exists, and no other has") {
  Scene scene;
  const std::string print = link::directory_fingerprint(scene.opened);
  const std::string token = link::derived_token(scene.opened);
  CHECK(link::is_token(token));
  write_file(scene.directory / "file", "a");
  CHECK(link::directory_fingerprint(scene.opened) == print);
  CHECK(link::derived_token(scene.opened) == token);
  Scene other;
  CHECK(link::derived_token(other.opened) != token);
  CHECK((print.empty() || link::directory_fingerprint(other.opened) != print));
}

TEST_CASE("The first marker read in a place without one belongs to it, and any later other one does not") {
  Scene scene;
  auto shared = std::make_shared<link::Directory>();
  REQUIRE(link::Directory::open(scene.directory.path(), shared.get()).ok());
  const std::string first(32, '1');
  const std::string second(32, '2');
  // As on a file system that records no time of birth.
  link::PlaceObservation observed{.directory = shared, .mount = "fuse share on /mnt"};
  link::KnownPlace known{.role = "inbox",
                         .token = link::derived_token(*shared),
                         .mount = "fuse share on /mnt",
                         .path = scene.directory.path()};
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kSame);
  observed.token = first;
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kSame);
  observed.mount = "fuse another on /mnt";
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kOther);
  observed.mount = known.mount;
  known.fingerprint = link::evidence_of(observed, known.token);
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kSame);
  // It says which place it is where the directory does not.
  link::KnownPlace moved = known;
  moved.token = second;
  CHECK(link::match_place(moved, observed) == link::PlaceMatch::kSame);
  observed.token = second;
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kOther);
  observed.token = "";
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kSame);
  // A token that was read from the place is evidence.
  known.token = first;
  known.fingerprint = "";
  observed.token = second;
  CHECK(link::match_place(known, observed) == link::PlaceMatch::kOther);
}
