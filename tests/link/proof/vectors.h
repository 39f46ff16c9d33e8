// The vectors in tests/vectors/proof, which minisign made.
#pragma once

#include <string>
#include <vector>

#include "base/relay_paths.h"
#include "base/secret.h"
#include "proof/key.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {

inline constexpr char kNorthStream[] = "3f9a6c2e11d04b77";
inline constexpr char kNextStream[] = "5b8c0d1e2f304152";
inline constexpr char kSouthStream[] = "a0b1c2d3e4f50617";

inline std::string vector_path(const std::string& name) {
  return std::string(PAXECT_TEST_VECTORS "/proof/") + name;
}
inline std::string vector_text(const std::string& name) { return read_file(vector_path(name)); }

inline std::string list_vector(std::uint64_t number) { return link::list_of("north", kNorthStream, number); }
// In the stream of north after that one.
inline std::string next_list_vector() { return link::list_of("north", kNextStream, 1); }
inline std::string receipt_vector(std::uint64_t number = 1) {
  return link::receipt_of("south", kSouthStream, number);
}

inline link::PublicKey public_vector(const std::string& node) {
  link::PublicKey key;
  REQUIRE(link::parse_public_key(vector_text(node + ".pub"), &key).ok());
  return key;
}

inline link::SigningKey secret_vector(const std::string& node) {
  link::SigningKey key;
  REQUIRE(link::SigningKey::parse(vector_text(node + ".key"), &key).ok());
  return key;
}

// The text with each of its bytes changed, in one bit and in all, and cut at each of its bytes.
inline std::vector<std::string> damaged(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 9; ++bit) {
      std::string other = text;
      other[i] = static_cast<char>(other[i] ^ (bit == 8 ? 0xff : 1 << bit));
      all.push_back(other);
    }
    all.push_back(text.substr(0, i));
  }
  return all;
}

}  // namespace paxect::test
