#include "link/sent_lists.h"

#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "proof/statement_name.h"
#include "settings/pinned_keys.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {

link::PublicKey make_sign_key(const std::string& path) {
  const link::SigningKey key = link::SigningKey::generate();
  link::Wiped secret;
  key.write(&secret);
  REQUIRE(link::create_file(path, secret.text, 0600).ok());
  REQUIRE(link::create_file(path + ".pub", link::public_key_text(key.public_key()), 0644).ok());
  return key.public_key();
}

void SentLists::read(const std::string& outbox, bool take) {
  const std::string folder = outbox + "/" + link::kProofFolder;
  if (!exists(folder)) return;
  for (const std::string& name : list(folder)) {
    INFO(name);
    link::StatementName parsed;
    if (name.front() == '.') continue;
    REQUIRE(link::parse_statement_name(name, &parsed));
    if (parsed.is_signature) continue;
    const std::string text = read_file(folder + "/" + name);
    const std::string signature = link::signature_of(name);
    // The signature gets its name first.
    REQUIRE(exists(folder + "/" + signature));
    REQUIRE(link::verify_file(text, read_file(folder + "/" + signature), name, {key_}).ok());
    const auto [known, is_new] = texts_.try_emplace({parsed.stream, parsed.number}, text);
    REQUIRE(known->second == text);
    if (!take) continue;
    std::filesystem::remove(folder + "/" + name);
    std::filesystem::remove(folder + "/" + signature);
  }
}

std::vector<link::List> SentLists::lists() const {
  std::vector<link::List> lists;
  for (const auto& [number, text] : texts_) {
    lists.emplace_back();
    REQUIRE(link::parse_list(text, &lists.back()).ok());
  }
  return lists;
}

std::set<std::string> SentLists::streams() const {
  std::set<std::string> streams;
  for (const auto& [number, text] : texts_) streams.insert(number.first);
  return streams;
}

void SentLists::check_chains() const {
  std::string stream;
  std::string previous;
  std::uint64_t next = 1;
  std::uint64_t first = 1;
  for (const auto& [number, text] : texts_) {
    if (number.first != stream) {
      stream = number.first;
      previous.clear();
      next = first = 1;
    }
    INFO(stream << " " << number.second);
    link::List list;
    REQUIRE(link::parse_list(text, &list).ok());
    CHECK(number.second == next);
    CHECK(list.first == first);
    CHECK(list.head.previous == previous);
    next = number.second + 1;
    first = list.first + list.entries.size();
    previous = link::sha256_hex(text);
  }
}

void SentLists::check_covers(const std::string& outbox,
                             const std::map<std::string, std::string>& taken) const {
  std::map<std::string, std::string> listed;
  for (const link::List& each : lists())
    for (const link::ListEntry& entry : each.entries) {
      INFO(entry.name);
      CHECK(listed.emplace(entry.name, entry.digest).second);
    }
  std::map<std::string, std::string> there = taken;
  for (const std::string& name : list(outbox))
    if (link::is_container(name)) there[name] = link::sha256_hex(read_file(outbox + "/" + name));
  CHECK(listed == there);
}

}  // namespace paxect::test
