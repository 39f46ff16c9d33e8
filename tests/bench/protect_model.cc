// Compares shapes of protection (FORMAT.md, Protection): for each shape, its cost and the largest damage of
// each kind that 99 of 100 random cases survive. Only models which cells are hit; no bytes are computed.
// Takes a minute.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * kKiB;
constexpr std::uint64_t kSector = 4096;

struct Shape {
  std::string name;
  std::uint64_t size = 128 * kMiB;  // of the container without protection
  std::uint64_t window = 16 * kMiB;
  std::uint64_t cell = 4 * kKiB;
  std::uint64_t word_cells = 128;
  double percent = 6;
  unsigned list_copies = 3;
  bool aligned = true;      // cells begin at multiples of their size
  bool behind_next = true;  // the parity of a window is behind the next one
  bool spread = true;       // neighbouring cells are of different code words
};

// A cell of a code word, or a copy of a list piece.
struct Unit {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::size_t window = 0;
  std::uint64_t number = 0;  // of the code word or the piece
  bool list = false;
};

class Model {
 public:
  explicit Model(const Shape& shape) : shape_(shape) {
    for (std::uint64_t at = 0; at < shape.size; at += shape.window) {
      Window window;
      window.cells = divided(std::min(shape.window, shape.size - at), shape.cell);
      window.words = divided(window.cells, shape.word_cells);
      double lost = std::ceil(static_cast<double>(window.cells) * shape.percent / 100) + 1;
      window.parity = divided(static_cast<std::uint64_t>(lost), window.words);
      windows_.push_back(window);
    }
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      if (!shape.aligned) size_ += 1337;
      add_cells(i, windows_[i].cells, divided(windows_[i].cells, windows_[i].words));
      add_list(i);
      if (!shape.behind_next) add_parity(i);
      if (shape.behind_next && i != 0) add_parity(i - 1);
    }
    if (shape.behind_next) add_parity(windows_.size() - 1);
    hit_.resize(units_.size());
  }

  std::uint64_t size() const { return size_; }
  void begin() {
    std::fill(hit_.begin(), hit_.end(), false);
    for (Window& window : windows_) window.moves = 0;
  }
  void damage(std::uint64_t from, std::uint64_t to) {
    auto ends_later = [](std::uint64_t offset, const Unit& unit) { return offset < unit.end; };
    auto unit = std::upper_bound(units_.begin(), units_.end(), from, ends_later);
    for (; unit != units_.end() && unit->begin < to; ++unit)
      hit_[static_cast<std::size_t>(unit - units_.begin())] = true;
  }
  // Bytes inserted or removed at each of these places cost the cell that they are in, and the cells between
  // two places if no two whole ones follow each other there.
  void move(std::vector<std::uint64_t> places) {
    std::sort(places.begin(), places.end());
    std::size_t last = units_.size();  // that a place was in
    for (const std::uint64_t place : places) {
      auto ends_later = [](std::uint64_t offset, const Unit& unit) { return offset < unit.end; };
      auto found = std::upper_bound(units_.begin(), units_.end(), place, ends_later);
      if (found == units_.end()) continue;
      const auto unit = static_cast<std::size_t>(found - units_.begin());
      hit_[unit] = true;
      if (last < unit && unit - last <= 2) hit_[unit - 1] = true;
      if (!found->list && last != unit) ++windows_[found->window].moves;
      last = unit;
    }
  }
  bool survives() const {
    std::vector<std::vector<unsigned>> lost(windows_.size());
    std::vector<std::vector<unsigned>> lists(windows_.size());
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      lost[i].resize(windows_[i].words);
      lists[i].resize(pieces(windows_[i]));
    }
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const Unit& unit = units_[i];
      if (unit.list && !hit_[i]) ++lists[unit.window][unit.number];
      if (!unit.list && hit_[i]) ++lost[unit.window][unit.number];
    }
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      if (windows_[i].moves >= kMaxShifts) return false;
      unsigned most = *std::max_element(lost[i].begin(), lost[i].end());
      bool listed = *std::min_element(lists[i].begin(), lists[i].end()) != 0;
      if (most > windows_[i].parity || (most != 0 && !listed)) return false;
    }
    return true;
  }

 private:
  struct Window {
    std::uint64_t cells = 0;
    std::uint64_t words = 0;
    std::uint64_t parity = 0;  // cells of a code word
    unsigned moves = 0;        // places in its cells where bytes were inserted or removed
  };

  static std::uint64_t divided(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }
  static constexpr std::uint64_t kEntries = 1008;  // of a list piece
  static constexpr unsigned kMaxShifts = 32;       // that a repair searches for in one window
  std::uint64_t pieces(const Window& window) const {
    return divided(window.cells + window.words * window.parity, kEntries);
  }

  void add(std::uint64_t size, std::size_t window, std::uint64_t number, bool list) {
    units_.push_back({size_, size_ + size, window, number, list});
    size_ += size;
    if (shape_.aligned) size_ = divided(size_, shape_.cell) * shape_.cell;
  }
  // `run`: as many neighbours are of one code word if they are not spread.
  void add_cells(std::size_t window, std::uint64_t count, std::uint64_t run) {
    for (std::uint64_t cell = 0; cell < count; ++cell)
      add(shape_.cell, window, shape_.spread ? cell % windows_[window].words : cell / run, false);
  }
  void add_list(std::size_t window) {
    std::uint64_t left = windows_[window].cells + windows_[window].words * windows_[window].parity;
    for (std::uint64_t piece = 0; left != 0; ++piece) {
      std::uint64_t entries = std::min(left, kEntries);
      add(64 + 4 * entries, window, piece, true);
      left -= entries;
    }
  }
  void add_parity(std::size_t window) {
    if (shape_.list_copies > 1) add_list(window);
    add_cells(window, windows_[window].words * windows_[window].parity, windows_[window].parity);
    for (unsigned copy = 2; copy < shape_.list_copies; ++copy) add_list(window);
  }

  Shape shape_;
  std::vector<Window> windows_;
  std::vector<Unit> units_;  // by offset
  std::vector<bool> hit_;
  std::uint64_t size_ = 0;
};

using Random = std::mt19937_64;

struct Kind {
  const char* name;
  double highest;  // amount to try; of bytes: a part of the size
  std::function<void(Model& model, double amount, Random& random)> damage;
};

std::uint64_t part(const Model& model, double percent) {
  return static_cast<std::uint64_t>(percent / 100 * static_cast<double>(model.size()));
}

void damage_pieces(Model& model, unsigned pieces, double percent, Random& random) {
  std::uint64_t size = part(model, percent) / pieces;
  for (unsigned i = 0; i < pieces; ++i) {
    std::uint64_t at = random() % (model.size() - size + 1);
    model.damage(at, at + size);
  }
}

const std::array<Kind, 7>& kinds() {
  static const std::array<Kind, 7> kKinds{{
      {"bytes", 1.0 / 512,
       [](Model& model, double amount, Random& random) {
         for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(amount); ++i) {
           std::uint64_t at = random() % model.size();
           model.damage(at, at + 1);
         }
       }},
      {"sectors %", 60,
       [](Model& model, double percent, Random& random) {
         for (std::uint64_t i = part(model, percent) / kSector; i != 0; --i) {
           std::uint64_t at = random() % (model.size() / kSector + 1) * kSector;
           model.damage(at, at + kSector);
         }
       }},
      {"piece %", 60,
       [](Model& model, double percent, Random& random) { damage_pieces(model, 1, percent, random); }},
      {"8 pieces %", 60,
       [](Model& model, double percent, Random& random) { damage_pieces(model, 8, percent, random); }},
      {"begin %", 60, [](Model& model, double percent, Random&) { model.damage(0, part(model, percent)); }},
      {"end %", 60,
       [](Model& model, double percent, Random&) {
         model.damage(model.size() - part(model, percent), model.size());
       }},
      {"moves", 1.0 / 512,
       [](Model& model, double amount, Random& random) {
         std::vector<std::uint64_t> places(static_cast<std::size_t>(amount));
         for (std::uint64_t& place : places) place = random() % model.size();
         model.move(std::move(places));
       }},
  }};
  return kKinds;
}

double largest_survived(Model& model, const Kind& kind) {
  constexpr unsigned kTrials = 200;
  constexpr unsigned kFailures = 2;
  double least = 0;
  double most = kind.highest < 1 ? kind.highest * static_cast<double>(model.size()) : kind.highest;
  for (int step = 0; step < 13; ++step) {
    double amount = (least + most) / 2;
    unsigned failed = 0;
    for (unsigned trial = 1; trial <= kTrials && failed <= kFailures; ++trial) {
      Random random(trial);
      model.begin();
      kind.damage(model, amount, random);
      if (!model.survives()) ++failed;
    }
    (failed <= kFailures ? least : most) = amount;
  }
  return least;
}

std::vector<Shape> shapes() {
  return {{.name = "as specified"},
          {.name = "cells of 1 KiB", .cell = kKiB},
          {.name = "cells of 16 KiB", .cell = 16 * kKiB},
          {.name = "cells not aligned", .aligned = false},
          {.name = "windows of 4 MiB", .window = 4 * kMiB},
          {.name = "windows of 64 MiB", .window = 64 * kMiB},
          {.name = "words of 64 cells", .word_cells = 64},
          {.name = "words of 200 cells", .word_cells = 200},
          {.name = "cells not spread", .spread = false},
          {.name = "parity behind its window", .behind_next = false},
          {.name = "1 copy of the list", .list_copies = 1},
          {.name = "2 copies of the list", .list_copies = 2},
          {.name = "4 copies of the list", .list_copies = 4},
          {.name = "25 %, 3 copies", .percent = 25},
          {.name = "25 %, 5 copies", .percent = 25, .list_copies = 5},
          {.name = "50 %, 3 copies", .percent = 50},
          {.name = "50 %, 8 copies", .percent = 50, .list_copies = 8},
          {.name = "100 KB, cells of 512", .size = 100000, .cell = 512},
          {.name = "100 KB, cells of 64", .size = 100000, .cell = 64},
          {.name = "100 KB, cells of 4 KiB", .size = 100000},
          {.name = "8 KB, cells of 64", .size = 8000, .cell = 64},
          {.name = "8 KB, cells of 512", .size = 8000, .cell = 512}};
}

}  // namespace

int main() {
  std::printf("%-26s%8s", "shape", "cost %");
  for (const Kind& kind : kinds()) std::printf("%12s", kind.name);
  std::printf("\n");
  for (const Shape& shape : shapes()) {
    Model model(shape);
    double added = static_cast<double>(model.size()) - static_cast<double>(shape.size);
    std::printf("%-26s%8.2f", shape.name.c_str(), 100 * added / static_cast<double>(shape.size));
    for (const Kind& kind : kinds()) std::printf("%12.2f", largest_survived(model, kind));
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}
