#include "zero_run.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace paxect::core {
namespace {

ZeroRun find(const std::string& data, std::uint64_t offset, std::size_t smallest = kSmallestHole) {
  return find_zero_run(reinterpret_cast<const std::uint8_t*>(data.data()), data.size(), offset, smallest);
}

std::string zeros(std::size_t size) { return std::string(size, '\0'); }
std::string ones(std::size_t size) { return std::string(size, '\1'); }

TEST_CASE("a run of zeros is found when it is long enough, in whole blocks of the file") {
  ZeroRun run = find(ones(5000) + zeros(100'000) + ones(5000), 0);
  CHECK(run.begin == 8192);
  CHECK(run.size == 94'208);  // up to the last whole block
  run = find(ones(5000) + zeros(100'000) + ones(5000), 8192 - 5000);
  CHECK(run.begin == 5000);
  CHECK(run.size == 98'304);
  CHECK(find(ones(4096) + zeros(65'535) + ones(1), 0).size == 0);
  CHECK(find(ones(4096) + zeros(65'536) + ones(1), 0).size == 65'536);
}

TEST_CASE("a short run counts at the end, where it may go on") {
  CHECK(find(ones(4096) + zeros(8192), 0).begin == 4096);
  CHECK(find(ones(4096) + zeros(8192), 0).size == 8192);
  CHECK(find(ones(4096) + zeros(8192), 1).size == 0);  // its last block is not whole
  CHECK(find(zeros(4096) + ones(4096), 0).size == 0);
  CHECK(find(zeros(4096) + ones(4096), 0, kHoleBlock).size == 4096);
}

TEST_CASE("what has no block of zeros has no run") {
  for (std::size_t size : std::vector<std::size_t>{0, 1, 4095, 4096, 4097, 100'000}) {
    CHECK(find(ones(size), 0).begin == size);
    CHECK(find(ones(size), 4095).size == 0);
  }
  std::string almost = zeros(200'000);
  for (std::size_t at = 4095; at < almost.size(); at += 4096) almost[at] = 1;
  CHECK(find(almost.substr(0, 196'608), 0).size == 0);
}

}  // namespace
}  // namespace paxect::core
