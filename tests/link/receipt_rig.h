// A relay in mode send that keeps its sources, and a receiver whose receipts the test writes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "link/sent_lists.h"
#include "proof/receipt.h"
#include "proof/signature.h"
#include "support/catch.h"

namespace paxect::test {

using link::Outcome;

class ReceiptRig : public LinkRig {
 public:
  ReceiptRig() : lists(make_sign_key(directory / "key")), south(link::SigningKey::generate()) {
    host.set("mode", "send");
    host.set("node", "north");
    host.set("sign_key", "file:" + (directory / "key"));
    host.set("to", "south");
    host.set("keep", "receipt");
    host.set("receipts_in", directory / "receipts");
    host.set("peers", directory / "peers");
    std::filesystem::create_directories(directory / "receipts");
    std::filesystem::create_directories(directory / "peers");
    write_file(directory / "peers/south.pub", link::public_key_text(south.public_key()));
  }

  void send(const std::string& name) {
    put(name, "contents of " + name);
    run_once();
    lists.read(outbox());
  }

  // Writes a receipt about the last list; the path of it.
  std::string write(const std::string& folder, const std::vector<link::OutcomeRange>& outcomes,
                    std::uint64_t number, const link::SigningKey& key, const std::string& to = "north",
                    const std::string& from = "south") {
    const auto& [list, text] = *lists.texts().rbegin();
    return write_about(list, link::sha256_hex(text), folder, outcomes, number, key, to, from);
  }
  // The same about any list: stream, number and SHA-256. The receipts of each key are a stream.
  std::string write_about(const std::pair<std::string, std::uint64_t>& list, const std::string& digest,
                          const std::string& folder, const std::vector<link::OutcomeRange>& outcomes,
                          std::uint64_t number, const link::SigningKey& key, const std::string& to = "north",
                          const std::string& from = "south") {
    link::Receipt receipt;
    receipt.head = {.from = from,
                    .to = {to},
                    .stream = stream_of(key),
                    .continues = {},
                    .number = number,
                    .previous = number == 1 ? "" : previous_of(stream_of(key), list.first, number),
                    .made = made,
                    .log = {}};
    receipt.about = list.first;
    receipt.before = before;
    receipt.list = list.second;
    receipt.list_digest = digest;
    receipt.outcomes = outcomes;
    const std::string name = link::receipt_of(from, stream_of(key), number);
    const std::string contents = link::receipt_text(receipt);
    digests_[{stream_of(key), list.first, number}] = link::sha256_hex(contents);
    write_file(folder + "/" + link::signature_of(name), link::sign_file(key, contents, name));
    write_file(folder + "/" + name, contents);
    return folder + "/" + name;
  }
  std::string write(const std::vector<link::OutcomeRange>& outcomes, std::uint64_t number = 1) {
    return write(directory / "receipts", outcomes, number, south);
  }

  SentLists lists;
  link::SigningKey south;
  std::int64_t made = 1'767'323'045;          // of receipts
  std::vector<link::ListDigest> before = {};  // likewise: of the lists before gaps

 private:
  std::string previous_of(const std::string& stream, const std::string& about, std::uint64_t number) const {
    const auto found = digests_.find({stream, about, number - 1});
    return found == digests_.end() ? link::sha256_hex("receipt before") : found->second;
  }
  std::map<std::tuple<std::string, std::string, std::uint64_t>, std::string> digests_;
  std::string stream_of(const link::SigningKey& key) const {
    return key.public_key() == south.public_key() ? "00000000000000ab" : "00000000000000cd";
  }
};

}  // namespace paxect::test
