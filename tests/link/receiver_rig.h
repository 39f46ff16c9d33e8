// A relay in mode receive, and a sender with signed lists.
#pragma once

#include <filesystem>
#include <map>

#include "base/clock.h"
#include "link/link_rig.h"
#include "link/proof_sender.h"
#include "proof/receipt.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {

using link::kSecond;

// The containers of some data, each made once.
inline const std::string& container(const std::string& data) {
  static std::map<std::string, std::string> made;
  auto found = made.find(data);
  if (found == made.end()) found = made.emplace(data, container_of(data)).first;
  return found->second;
}

struct ReceiverRig : LinkRig {
  ReceiverRig() {
    host.set("mode", "receive");
    host.set("node", "south");
    host.set("peers", peers());
    north.pin(peers());
  }
  std::string peers() const { return directory / "peers"; }
  std::string lists() const { return inbox("paxect.proof"); }
  // A container of this data arrives, and is listed later.
  void send(const std::string& name, const std::string& data) {
    north.send(name, container(data));
    put(name, container(data));
  }
  // A copy of a container that comes again.
  void send_again(const std::string& name, const std::string& data) { put(name, container(data)); }
  void list() { north.write_next(inbox()); }
  std::string content(const std::string& name) const {
    return exists(outbox(name)) ? read_file(outbox(name)) : "";
  }
  std::vector<std::string> quarantined() const {
    std::vector<std::string> found;
    if (!exists(inbox(".quarantine"))) return found;
    for (const std::string& name : test::list(inbox(".quarantine")))
      if (!name.ends_with(".reason.json")) found.push_back(name);
    return found;
  }
  std::string only_message(const std::string& event) const {
    const std::vector<LogEntry> found = events(event);
    REQUIRE(found.size() == 1);
    return found[0].message;
  }

  ProofSender north;
};

// The receipts in the folder of the lists, or in another one, by number; each is verified by the key.
inline std::map<std::uint64_t, link::Receipt> receipts_of(const ReceiverRig& rig, const link::SigningKey& key,
                                                          const std::string& folder) {
  std::map<std::uint64_t, link::Receipt> found;
  if (!exists(folder)) return found;
  for (const std::string& name : test::list(folder)) {
    if (!name.ends_with(".receipt")) continue;
    const std::string text = read_file(folder + "/" + name);
    const std::string signature = read_file(folder + "/" + name + ".minisig");
    REQUIRE(link::verify_file(text, signature, name, {key.public_key()}).ok());
    link::Receipt receipt;
    REQUIRE(link::parse_receipt(text, &receipt).ok());
    CHECK(name == link::receipt_of("south", receipt.head.stream, receipt.head.number));
    CHECK(receipt.about == rig.north.stream());
    CHECK(receipt.head.to == std::vector<std::string>{"north"});
    found[receipt.head.number] = receipt;
  }
  return found;
}

struct SigningRig : ReceiverRig {
  SigningRig() {
    link::Wiped text;
    key.write(&text);
    write_file(directory / "south.key", text.text);
    std::filesystem::permissions(directory / "south.key", std::filesystem::perms(0600));
    host.set("sign_key", "file:" + (directory / "south.key"));
  }
  std::map<std::uint64_t, link::Receipt> receipts() const { return receipts_of(*this, key, lists()); }
  link::SigningKey key = link::SigningKey::generate();
};

}  // namespace paxect::test
