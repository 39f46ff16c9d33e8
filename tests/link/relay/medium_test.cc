// A receiver behind a medium that drops, delays, duplicates, renames, swaps, rolls back, truncates and flips
// what the sender has signed: by a seed, so that each run can be repeated.
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "link/commands/command_rig.h"
#include "link/link_rig.h"
#include "link/proof_sender.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::string data_of(std::size_t i) { return "data of " + std::to_string(i) + text(i % 7 * 100, 3); }

// Containers of data_of(0), data_of(1) ..., by one run of a sender.
std::vector<std::string> containers(std::size_t count) {
  LinkRig rig;
  rig.host.set("mode", "send");
  for (std::size_t i = 0; i < count; ++i) rig.put("f" + std::to_string(i) + ".txt", data_of(i));
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back(read_file(rig.outbox("f" + std::to_string(i) + ".freq")));
  return made;
}

// What lies in the outbox of the sender, and what comes of it through the medium.
class Medium {
 public:
  Medium(std::uint64_t seed, std::size_t files) : random_(seed), made_(containers(files)) {
    rig.host.set("mode", "receive");
    rig.host.set("node", "south");
    rig.host.set("peers", rig.directory / "peers");
    rig.host.set("backoff_sec", "1");
    north.pin(rig.directory / "peers");
    rig.start();
  }

  void run() {
    while (next_ < made_.size()) {
      send_some();
      for (const std::string& name : fresh_) pass(name);
      fresh_.clear();
      if (chance(3)) roll_back();
      rig.settle(3 * kSecond);
      take();
    }
    heal();
  }

 private:
  bool chance(unsigned one_in) { return random_() % one_in == 0; }
  template <class Items>
  const auto& any(const Items& items) {
    return *std::next(items.begin(), static_cast<std::ptrdiff_t>(random_() % items.size()));
  }

  // A batch, and the list of it.
  void send_some() {
    const std::size_t end = std::min(made_.size(), next_ + 1 + random_() % 8);
    for (; next_ < end; ++next_) {
      const std::string name = "f" + std::to_string(next_) + ".freq";
      outbox_[name] = made_[next_];
      sent_["f" + std::to_string(next_)] = data_of(next_);
      north.send(name, made_[next_]);
      fresh_.push_back(name);
    }
    const link::List list = north.next_list();
    const std::string name = north.name_of(list);
    const std::string folder = std::string(link::kProofFolder) + "/";
    outbox_[folder + name] = link::list_text(list);
    outbox_[folder + link::signature_of(name)] = link::sign_file(north.key(), link::list_text(list), name);
    fresh_.push_back(folder + link::signature_of(name));
    fresh_.push_back(folder + name);
  }

  void arrive(const std::string& name, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(rig.inbox(name)).parent_path());
    const std::string hidden = rig.inbox(".arriving");
    write_file(hidden, bytes);
    std::filesystem::rename(hidden, rig.inbox(name));
  }

  void pass(const std::string& name) {
    std::string bytes = outbox_[name];
    const bool is_container = name.ends_with(".freq");
    switch (random_() % 12) {
      case 0:  // dropped
        return;
      case 1:  // flipped
        bytes[random_() % bytes.size()] ^= static_cast<char>(1U << random_() % 8);
        break;
      case 2:  // truncated
        bytes.resize(random_() % bytes.size());
        break;
      case 3:  // renamed
        return arrive((is_container ? "renamed-" : std::string(link::kProofFolder) + "/renamed-") +
                          std::to_string(random_() % 1000) + ".freq",
                      bytes);
      case 4:  // twice
        if (is_container) arrive("copy-" + name, bytes);
        break;
      case 5:  // swapped with another one
        if (is_container) bytes = outbox_["f" + std::to_string(random_() % next_) + ".freq"];
        break;
      case 6:  // a forged one beside it
        if (is_container) arrive("forged-" + name, made_[random_() % next_] + "more");
        break;
      default:
        break;
    }
    arrive(name, bytes);
  }

  // Everything of some earlier time is there again.
  void roll_back() {
    for (int i = 0; i < 5; ++i) {
      const auto& [name, bytes] = any(outbox_);
      arrive(name, bytes);
    }
  }

  // The receiver takes what has its final name: each file that was signed, once and whole.
  void take() {
    for (const std::string& name : rig.delivered()) {
      INFO(name);
      REQUIRE(sent_.contains(name));
      CHECK(read_file(rig.outbox(name)) == sent_[name]);
      CHECK(taken_.insert(name).second);
      std::filesystem::remove(rig.outbox(name));
    }
  }

  void heal() {
    for (const auto& [name, bytes] : outbox_) arrive(name, bytes);
    rig.settle(60 * kSecond);
    take();
    CHECK(taken_.size() == sent_.size());
    CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
    // What was not delivered is out of the way, each with its line in the log.
    rig.settle(700 * kSecond);
    rig.settle(60 * kSecond);
    take();
    CHECK(rig.waiting() == Names{link::kProofFolder});
    std::size_t aside = 0;
    for (const std::string& name : list(rig.inbox(".quarantine"))) aside += !name.ends_with(".reason.json");
    CHECK(rig.events("quarantine").size() == aside);
    CHECK(rig.events("decode").size() + rig.events("duplicate").size() == sent_.size());
    CHECK(rig.events("forked").empty());
  }

  std::mt19937_64 random_;
  std::vector<std::string> made_;
  std::size_t next_ = 0;
  std::map<std::string, std::string> outbox_;
  std::vector<std::string> fresh_;
  std::map<std::string, std::string> sent_;  // data by its name
  std::set<std::string> taken_;

 public:
  LinkRig rig;
  ProofSender north;
};

}  // namespace

TEST_CASE(
    "Through a hostile medium only what was signed is delivered, once, and all of it when the medium heals") {
  const std::uint64_t seeds = is_long() ? 20 : 4;
  const std::size_t files = is_long() ? 250 : 60;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    Medium(seed, files).run();
  }
}

}  // namespace paxect::test
