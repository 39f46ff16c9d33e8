// What the lists in an outbox say, read as their receiver would.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proof/key.h"
#include "proof/list.h"

namespace paxect::test {

// Makes a secret key at the path, and its public one beside it.
link::PublicKey make_sign_key(const std::string& path);

class SentLists {
 public:
  explicit SentLists(const link::PublicKey& key) : key_(key) {}

  // Reads every list in `outbox`/paxect.proof. Each has to be signed by the key; one that was read before has
  // to have the same text. `take` removes what was read.
  void read(const std::string& outbox, bool take = false);
  // After a read(): the lists of each stream are chained and numbered without a gap, and so are their
  // entries.
  void check_chains() const;
  // Every container in the outbox, and no other one but `taken`, is listed, once, with its digest.
  void check_covers(const std::string& outbox, const std::map<std::string, std::string>& taken = {}) const;

  // Texts by stream and number.
  const std::map<std::pair<std::string, std::uint64_t>, std::string>& texts() const { return texts_; }
  std::vector<link::List> lists() const;
  std::set<std::string> streams() const;

 private:
  link::PublicKey key_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> texts_;
};

}  // namespace paxect::test
