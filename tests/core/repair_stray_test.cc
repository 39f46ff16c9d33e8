// Pieces of a container that were written over other bytes of it, as by a misdirected write: their records
// say what is true elsewhere.
#include <algorithm>
#include <string>
#include <vector>

#include "repairing.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFooter = 44;
constexpr std::size_t kTrailer = 112;

// Where the records of protection are.
std::vector<std::size_t> records_of(const std::string& container) {
  std::vector<std::size_t> records;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    records.push_back(at);
  return records;
}

std::string written_over(std::string container, std::size_t at, const std::string& piece) {
  return container.replace(at, piece.size(), piece);
}

}  // namespace

TEST_CASE("repair: an end of the container that was written over other bytes of it is not its end") {
  const std::int64_t percent = GENERATE(7, 50);
  const std::string container = protect(kSamples[medium], percent);
  const Window window = windows_of(container).at(0);
  const std::size_t last = container.size() - kFooter - kTrailer;
  for (const std::size_t from : {container.size() - window.cell, last})
    for (const std::size_t at :
         {window.cell + 10, 20 * window.cell, window.length / 2, window.length + window.cell}) {
      INFO(percent << " %, the bytes from " << from << " at " << at);
      check_restored(written_over(container, at, container.substr(from)), container);
    }
}

TEST_CASE("repair: no record that was written over other bytes moves the container that it is of") {
  const std::string container = protect(kSamples[medium], 25);
  const Window window = windows_of(container).at(0);
  for (const std::size_t record : records_of(container)) {
    const std::size_t from = std::min(record, container.size() - window.cell);
    for (const std::size_t at : {window.cell + 10, window.length / 2, window.length - 2 * window.cell}) {
      INFO("the bytes from " << from << " at " << at);
      check_restored(written_over(container, at, container.substr(from, window.cell)), container);
    }
  }
}

}  // namespace paxect::test
