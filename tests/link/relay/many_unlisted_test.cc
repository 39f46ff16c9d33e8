// More containers without a list than a receiver keeps track of.
#include <algorithm>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/core_handles.h"
#include "support/files.h"

namespace paxect::test {
namespace {

// It keeps track of 65,536 (kMaxUnlisted): the others are read again when those have gone.
constexpr std::size_t kMany = 66'000;
constexpr std::size_t kFew = 600;

std::vector<std::string> encoded(std::size_t count) {
  paxect_encoder* made = nullptr;
  REQUIRE(paxect_encoder_create(nullptr, &made) == PAXECT_OK);
  const Encoder encoder(made);
  std::string container;
  REQUIRE(paxect_encoder_set_sink(encoder.get(), append, &container) == PAXECT_OK);
  std::vector<std::string> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string data = "data of " + std::to_string(i);
    container.clear();
    REQUIRE(paxect_encoder_reset(encoder.get()) == PAXECT_OK);
    REQUIRE(paxect_encoder_write(encoder.get(), data.data(), data.size()) == PAXECT_OK);
    REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
    all.push_back(container);
  }
  return all;
}

}  // namespace

TEST_CASE("However many containers come before their lists, each is delivered once when those come") {
  ReceiverRig rig;
  const std::vector<std::string> containers = encoded(is_long() ? kMany : kFew);
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string name = "f" + std::to_string(i) + ".freq";
    rig.put(name, containers[i]);
  }
  rig.start();
  rig.settle(60 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.events("unlisted").size() == containers.size());
  // A forged one among them is in nobody's list.
  rig.put("forged.freq", container("forged"));
  for (std::size_t i = 0; i < containers.size(); ++i) {
    rig.north.send("f" + std::to_string(i) + ".freq", containers[i]);
    if ((i + 1) % link::kMaxListEntries == 0) rig.list();
  }
  rig.list();
  rig.settle(60 * kSecond);
  CHECK(rig.delivered().size() == containers.size());
  CHECK(rig.content("f0") == "data of 0");
  CHECK(rig.waiting() == Names{"forged.freq", "paxect.proof"});
  CHECK(rig.events("decode").size() == containers.size());
  CHECK(rig.events("quarantine").empty());
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

}  // namespace paxect::test
