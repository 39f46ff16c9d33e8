// A journal as a crash leaves it on the way of one container, with the directories beside it, laid out by
// hand.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "base/digest.h"
#include "base/filesystem.h"
#include "base/place_marker.h"
#include "base/relay_paths.h"
#include "base/token.h"
#include "link/link_rig.h"
#include "records/journal.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {

// The token of a place, which gets a marker.
inline std::string token_of(const std::string& path) {
  bool is_refused = true;
  link::Directory directory;
  REQUIRE(link::Directory::open(path, &directory).ok());
  std::string token = link::make_token();
  REQUIRE(link::make_marker(directory, &token, &is_refused).ok());
  return token;
}

inline std::string instance_of(const std::string& path) {
  link::Directory directory;
  REQUIRE(link::Directory::open(path, &directory).ok());
  return link::directory_instance(directory);
}

// A container a.freq in the inbox on its way to the output a.
struct Scene {
  LinkRig rig;
  link::Journal journal;
  link::Intent intent;

  Scene() {
    rig.put("a.freq", container_of("data"));
    std::filesystem::create_directories(rig.outbox());
    std::string damage;
    REQUIRE(journal.open(link::journal_of(rig.lock()), &damage).ok());
    intent.id = journal.next_id();
    intent.source_place = token_of(rig.inbox());
    intent.target_place = token_of(rig.outbox());
    intent.target_instance = instance_of(rig.outbox());
    intent.boot = journal.boot();
    intent.source = "a.freq";
    REQUIRE(link::identity_of(rig.inbox("a.freq"), &intent.identity));
    intent.temporary = ".a.part";
    intent.name = "a";
    intent.source_digest = link::sha256_hex(read_file(rig.inbox("a.freq")));
    intent.digest = intent.data_digest = link::sha256_hex("data");
    intent.size = 4;
  }
  // As the lines of its log name it.
  std::string relay() const { return std::string(link::short_token_of(journal.relay_token())); }
  void begin() { REQUIRE(journal.begin(std::span(&intent, 1)).ok()); }
  void prepare() {
    begin();
    REQUIRE(journal.prepare(std::span(&intent, 1)).ok());
  }
  // The rename is the next step.
  void name() {
    prepare();
    REQUIRE(journal.name(std::span(&intent.id, 1)).ok());
  }
  // Nobody can say whether it was delivered, and nothing is done about it.
  void check_held() {
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(rig.waiting() == Names{"a.freq"});
    CHECK(rig.delivered().empty());
    CHECK_FALSE(rig.events("held").empty());
  }
  void abort() { REQUIRE(journal.abort(std::span(&intent.id, 1)).ok()); }
  void finish() { journal.finish(std::span(&intent.id, 1)); }
  void remember() {
    journal.remember(intent.source_place, "a.freq",
                     {.identity = intent.identity, .digest = intent.source_digest});
  }
  void temporary(const std::string& contents) { write_file(rig.outbox(".a.part"), contents); }
  // What the next start makes of it: what is in the outbox then; the inbox must be empty.
  Names restart() {
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(list(rig.inbox()).empty());
    CHECK(rig.events("decode").size() == 1);
    return rig.delivered();
  }
};

}  // namespace paxect::test
