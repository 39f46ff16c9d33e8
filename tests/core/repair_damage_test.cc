// Random damage of every kind, below, at and above what the protection restores: up to there the container
// comes out byte for byte, beyond it never as something else. Reproducible by the round that is printed.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFooter = 44;

// What a container can lose: a piece of so many bytes, or in each window as many cells as a code word has
// parity cells.
struct Promise {
  std::size_t piece = 0;
  std::vector<Window> windows;
};

Promise promise_of(const std::string& container, std::int64_t percent) {
  constexpr std::size_t kMaxWindow = 16 << 20;
  Promise promise;
  promise.piece = std::min(covered(container), kMaxWindow) * static_cast<std::size_t>(percent) / 100;
  promise.piece = std::max<std::size_t>(1, promise.piece);
  promise.windows = windows_of(container);
  REQUIRE(!promise.windows.empty());
  return promise;
}

// How much of the promise is lost: numerator and denominator.
struct Amount {
  const char* name;
  std::size_t times;
  std::size_t parts;
  std::size_t of(std::size_t whole) const { return std::max<std::size_t>(1, whole * times / parts); }
};
constexpr Amount kBelow{"half of the promise", 1, 2};
constexpr Amount kAt{"the promise", 1, 1};
constexpr Amount kAbove{"three times the promise", 3, 1};

using Damage = std::function<std::string(std::string bytes, const Promise& promise, const Amount& amount,
                                         Random& random)>;
struct Kind {
  const char* name;
  Damage damage;
};

struct Cell {
  std::size_t offset = 0;
  std::size_t size = 0;
};

// Different cells of the data in each window.
std::vector<Cell> choose_cells(const Promise& promise, const Amount& amount, Random& random) {
  std::vector<Cell> chosen;
  for (const Window& window : promise.windows) {
    const std::size_t all = (window.length + window.cell - 1) / window.cell;
    std::vector<std::size_t> cells(all);
    for (std::size_t i = 0; i < all; ++i) cells[i] = i;
    const std::size_t count = std::min(amount.of(window.parity), all);
    for (std::size_t i = 0; i < count; ++i) {
      std::swap(cells[i], cells[i + random.below(all - i)]);
      const std::size_t begin = cells[i] * window.cell;
      chosen.push_back({window.offset + begin, std::min(window.cell, window.length - begin)});
    }
  }
  return chosen;
}

std::string flipped(std::string bytes, const Promise& promise, const Amount& amount, Random& random) {
  for (const Cell& cell : choose_cells(promise, amount, random)) {
    const std::size_t at = cell.offset + random.below(cell.size);
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.below(8));
  }
  return bytes;
}

std::string without_sectors(std::string bytes, const Promise& promise, const Amount& amount, Random& random) {
  for (const Cell& cell : choose_cells(promise, amount, random))
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(cell.offset), cell.size, '\0');
  return bytes;
}

std::string burst(std::string bytes, const Promise& promise, const Amount& amount, Random& random) {
  const std::size_t size = std::min(amount.of(promise.piece), bytes.size());
  const std::size_t at = random.below(bytes.size() - size + 1);
  return overwritten(std::move(bytes), at, size, random);
}

std::string zeros_at_beginning(std::string bytes, const Promise& promise, const Amount& amount, Random&) {
  return zeroed(bytes, 0, amount.of(promise.piece));
}

std::string lost_beginning(std::string bytes, const Promise& promise, const Amount& amount, Random&) {
  return bytes.substr(std::min(amount.of(promise.piece), bytes.size()));
}

std::string zeros_at_end(std::string bytes, const Promise& promise, const Amount& amount, Random&) {
  const std::size_t size = std::min(amount.of(promise.piece), bytes.size());
  return zeroed(bytes, bytes.size() - size, size);
}

std::string cut(std::string bytes, const Promise& promise, const Amount& amount, Random&) {
  return bytes.substr(0, bytes.size() - std::min(amount.of(promise.piece), bytes.size()));
}

// Each of them costs a cell, and the cells between two places are searched for in pairs: few places, far
// apart.
std::size_t places(const Promise& promise, const Amount& amount) {
  const std::size_t cells = amount.of(promise.windows[0].parity);
  return amount.times > amount.parts ? cells : std::min<std::size_t>(cells, 2);
}

std::string inserted(std::string bytes, const Promise& promise, const Amount& amount, Random& random) {
  for (std::size_t i = 0; i < places(promise, amount); ++i) {
    const std::size_t at = random.below(bytes.size() - kFooter);
    const std::size_t size = 1 + random.below(100);
    bytes.insert(at, noise(size, random()));
  }
  return bytes;
}

std::string removed(std::string bytes, const Promise& promise, const Amount& amount, Random& random) {
  for (std::size_t i = 0; i < places(promise, amount); ++i) {
    const std::size_t at = random.below(bytes.size() - kFooter);
    bytes.erase(at, 1 + random.below(std::min<std::size_t>(promise.windows[0].cell, 100)));
  }
  return bytes;
}

const Kind kKinds[] = {{"flipped bits", flipped},
                       {"bad sectors", without_sectors},
                       {"a burst", burst},
                       {"zeros at the beginning", zeros_at_beginning},
                       {"a lost beginning", lost_beginning},
                       {"zeros at the end", zeros_at_end},
                       {"a cut", cut}};
const Kind kMoves[] = {{"inserted bytes", inserted}, {"removed bytes", removed}};

// By default, a third of the cases of large containers, and of several windows a fifth of the long ones.
void for_each_case(
    int part, std::uint32_t seed, std::span<const Kind> kinds, std::span<const Amount> amounts,
    const std::function<void(const std::string& damaged, const std::string& container)>& test) {
  Random random(seed);
  for_each_percent(part, [&](const std::string& container, std::int64_t percent) {
    const Promise promise = promise_of(container, percent);
    for (const Kind& kind : kinds)
      for (const Amount& amount : amounts)
        for (int round = 0; round < (promise.windows.size() > 1 ? std::max(1, rounds(1) / 5) : rounds(1));
             ++round) {
          if (container.size() > 1'000'000 && rounds(1) == 1 && random.below(3) != 0) continue;
          INFO(kind.name << ", " << amount.name << ", round " << round);
          test(kind.damage(container, promise, amount, random), container);
        }
  });
}

}  // namespace

TEST_CASE_OF_EACH_SIZE_AND_SEVERAL_WINDOWS("repair: damage of any kind is repaired up to the promise") {
  const Amount amounts[] = {kBelow, kAt};
  for_each_case(kPart, 21, kKinds, amounts, check_restored);
}

TEST_CASE_OF_EACH_SIZE_AND_SEVERAL_WINDOWS("repair: nothing else passes for the original above the promise") {
  const Amount amounts[] = {kAbove};
  unsigned refused = 0;
  auto check = [&](const std::string& damaged, const std::string& container) {
    const Repaired result = repair({damaged});
    if (result.status == PAXECT_OK) REQUIRE(result.container == container);
    if (result.status == PAXECT_OK) return;
    ++refused;
    CHECK((result.status == PAXECT_ERROR_DAMAGED || result.status == PAXECT_ERROR_NO_PROTECTION));
    CHECK(result.message.starts_with("cannot be repaired"));
  };
  for_each_case(kPart, 22, kKinds, amounts, check);
  for_each_case(kPart, 23, kMoves, amounts, check);
  CHECK(refused > 0);
}

TEST_CASE("repair: a container of which only header or footer is left, or neither, is refused or restored") {
  for_each_sample([](const std::string& container, std::int64_t) {
    check_restored(zeroed(container, 0, 24), container);
    check_restored(container.substr(24), container);
    check_restored(zeroed(container, container.size() - kFooter, kFooter), container);
    check_restored(container.substr(0, container.size() - kFooter), container);
    for (const std::string& rest :
         {zeroed(container, 24, container.size() - 24), container.substr(0, 24),
          zeroed(container, 0, container.size() - kFooter), container.substr(container.size() - kFooter)}) {
      const Repaired result = repair({rest});
      CHECK(result.status == PAXECT_ERROR_NO_PROTECTION);
      CHECK(result.container.empty());
      const Salvaged salvaged = salvage({rest});
      if (salvaged.status == PAXECT_OK) CHECK(salvaged.data == decode(container).data);
    }
  });
}

TEST_CASE("repair: a container of which only the SHA-256 is lost everywhere is refused with that reason") {
  const std::string data = noise(20'000, 5);
  const std::string container = encode(data, {{PAXECT_PARAM_PROTECT, 10}});
  std::vector<std::size_t> trailers;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    if (container[at + 12] == 2) trailers.push_back(at);
  REQUIRE(trailers.size() == 4);
  std::string damaged = container;
  damaged[damaged.size() - 1] ^= 1;
  // Each of the trailers can prove the data.
  for (const std::size_t at : trailers) {
    check_restored(damaged, container);
    damaged[at + 110] ^= 1;
  }
  const Repaired result = repair({damaged});
  CHECK(result.status == PAXECT_ERROR_DAMAGED);
  CHECK(result.message ==
        "cannot be repaired: all cells are whole or restored, but no SHA-256 that is left proves the data: "
        "salvage writes it without that proof");
  const Salvaged salvaged = salvage({damaged});
  CHECK(salvaged.status == PAXECT_ERROR_PARTIAL);
  CHECK(salvaged.data == data);
}

}  // namespace paxect::test
