// A sender that keeps its sources until receipts, and a receiver, with a medium between them that drops what
// is sent, and drops, repeats, swaps, damages and forges the receipts on their way back: by a seed, so that
// each run can be repeated.
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "base/relay_paths.h"
#include "link/commands/command_rig.h"
#include "link/link_rig.h"
#include "link/relay_site.h"
#include "link/sent_lists.h"
#include "proof/receipt.h"
#include "proof/signature.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::string stem_of(std::size_t i) { return "f" + std::to_string(i); }
// Every fifth has the content of the one before: only its name says which of the two it is.
std::string data_of(std::size_t i) { return "data of " + std::to_string(i % 5 == 4 ? i - 1 : i); }

class TwoWays {
 public:
  TwoWays(std::uint64_t seed, std::size_t files) : random_(seed), files_(files) {
    make_sign_key(north.directory / "key");
    make_sign_key(south.directory / "key");
    north.host.set("mode", "send");
    north.host.set("node", "north");
    north.host.set("to", "south");
    north.host.set("keep", "receipt");
    north.host.set("receipts_in", receipts());
    south.host.set("mode", "receive");
    south.host.set("node", "south");
    for (const auto& [rig, peer, name] :
         {std::tuple{&north, &south, "south.pub"}, {&south, &north, "north.pub"}}) {
      rig->host.set("sign_key", "file:" + (rig->directory / "key"));
      rig->host.set("peers", rig->directory / "peers");
      rig->host.set("backoff_sec", "1");
      std::filesystem::create_directory(rig->directory / "peers");
      std::filesystem::copy_file(peer->directory / "key.pub",
                                 rig->directory / ("peers/" + std::string(name)));
    }
    std::filesystem::create_directory(receipts());
    north.start();
    south.start();
  }

  void run() {
    for (std::size_t next = 0; next < files_;) {
      const std::size_t end = std::min(files_, next + 1 + random_() % 6);
      for (; next < end; ++next) north.put(stem_of(next) + ".txt", data_of(next));
      step();
      if (random_() % 8 == 0) restart(random_() % 2 == 0 ? &north : &south);
    }
    heal();
  }

 private:
  std::string receipts() const { return north.directory / "receipts"; }

  static void arrive(const std::string& path, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    const std::string hidden = std::filesystem::path(path).parent_path() / ".arriving";
    write_file(hidden, bytes);
    std::filesystem::rename(hidden, path);
  }

  static void restart(LinkRig* rig) {
    rig->stop();
    rig->start();
  }

  void step() {
    north.settle(3 * kSecond);
    send(false);
    south.settle(3 * kSecond);
    take();
    answer();
    north.settle(3 * kSecond);
    check_kept();
  }

  // What is in the outbox: some of it is dropped, and some of it comes once more.
  void send(bool is_healed) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(north.outbox())) {
      const std::string name = std::filesystem::relative(entry.path(), north.outbox()).string();
      // A hidden one is the marker of the place, or a temporary.
      const bool is_hidden = entry.path().filename().string().front() == '.';
      if (is_hidden || !entry.is_regular_file() || name.ends_with(".sha256") ||
          name.find(".receipt") != std::string::npos)
        continue;
      const bool is_new = passed_.insert(name).second;
      const bool comes = is_healed || (is_new ? random_() % 4 != 0 : random_() % 20 == 0);
      if (comes && !(is_healed && is_delivered(name))) arrive(south.inbox(name), read_file(entry.path()));
    }
  }

  bool is_delivered(const std::string& name) const {
    return name.ends_with(".freq") && taken_.contains(name.substr(0, name.size() - 5));
  }

  void take() {
    for (const std::string& name : south.delivered()) {
      INFO(name);
      CHECK(taken_.insert(name).second);
      CHECK(read_file(south.outbox(name)) == data_of(std::stoul(name.substr(1))));
      std::filesystem::remove(south.outbox(name));
    }
  }

  // The receipts that the receiver has made, with what the medium does to them.
  void answer() {
    const std::string folder = south.inbox(link::kProofFolder);
    if (!exists(folder)) return;
    for (const std::string& name : list(folder)) {
      if (!name.ends_with(".receipt") || !answered_.insert(name).second) continue;
      made_.push_back(name);
      const std::string other = made_[random_() % made_.size()];
      std::string text = read_file(folder + "/" + name);
      std::string signature = read_file(folder + "/" + link::signature_of(name));
      switch (random_() % 8) {
        case 0:  // dropped
          continue;
        case 1:  // without its signature
          signature.clear();
          break;
        case 2:  // swapped with an older one, with its signature or without
          text = read_file(folder + "/" + other);
          if (random_() % 2 == 0) signature = read_file(folder + "/" + link::signature_of(other));
          break;
        case 3:  // an older one comes once more
          for (const std::string& each : {link::signature_of(other), other})
            arrive(receipts() + "/" + each, read_file(folder + "/" + each));
          break;
        case 4:  // flipped
          text[random_() % text.size()] ^= static_cast<char>(1U << random_() % 8);
          break;
        case 5: {  // all of it delivered, by somebody else's key
          link::Receipt forged;
          REQUIRE(link::parse_receipt(text, &forged).ok());
          const std::uint64_t last = forged.outcomes.empty() ? 0 : forged.outcomes.back().last;
          if (last > 0) forged.outcomes = {{.outcome = link::Outcome::kDelivered, .first = 1, .last = last}};
          text = link::receipt_text(forged);
          signature = link::sign_file(thief_, text, name);
          break;
        }
        default:
          break;
      }
      if (!signature.empty()) arrive(receipts() + "/" + link::signature_of(name), signature);
      arrive(receipts() + "/" + name, text);
    }
  }

  // No source goes before its file was delivered.
  void check_kept() {
    std::set<std::string> kept;
    for (const std::string& name : north.waiting()) kept.insert(name.substr(0, name.find('.')));
    for (std::size_t i = 0; i < files_; ++i) {
      if (!exists(north.outbox(stem_of(i) + ".freq"))) continue;
      INFO(stem_of(i));
      CHECK((kept.contains(stem_of(i)) || taken_.contains(stem_of(i))));
    }
  }

  void heal() {
    // Twice: a receipt is about what came before it.
    for (int i = 0; i < 2; ++i) {
      north.settle(10 * kSecond);
      send(true);
      south.settle(20 * kSecond);
      take();
    }
    const std::string folder = south.inbox(link::kProofFolder);
    for (const std::string& name : list(folder))
      if (name.find(".receipt") != std::string::npos)
        arrive(receipts() + "/" + name, read_file(folder + "/" + name));
    north.settle(20 * kSecond);
    CHECK(taken_.size() == files_);
    CHECK(north.waiting().empty());
    CHECK(command_json(south.host, {"missing"})["complete"].GetBool());
    const auto sent = command_json(north.host, {"sent"});
    CHECK(sent["kept"].Empty());
    REQUIRE(sent["receivers"].Size() == 1);
    CHECK(sent["receivers"][0]["delivered"].GetUint64() == files_);
    CHECK(north.events("receipt_stream").empty());
    CHECK(north.events("forked").empty());
  }

  std::mt19937_64 random_;
  std::size_t files_;
  link::SigningKey thief_ = link::SigningKey::generate();
  std::set<std::string> passed_;
  std::set<std::string> taken_;
  std::set<std::string> answered_;
  std::vector<std::string> made_;

 public:
  LinkRig north, south;
};

}  // namespace

TEST_CASE(
    "Behind a hostile medium a source stays until its file is delivered, and goes when the medium heals") {
  const std::uint64_t seeds = is_long() ? 20 : 3;
  const std::size_t files = is_long() ? 250 : 40;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    TwoWays(seed, files).run();
  }
}

}  // namespace paxect::test
