// The published test vectors: containers with the exit status that they must give.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace paxect::test {

struct Vector {
  std::string name;
  int exit = 0;
  bool decode_only = false;  // good, but not what an encoder writes
  std::int64_t level = 0;
  std::int64_t frame = 0;
  std::int64_t channels = 0;
  bool u16 = false;
  bool verify = false;
  std::string container;
  std::string data;  // when exit is 0
};

std::vector<Vector> load_vectors();

}  // namespace paxect::test
