// Protected containers of every class of size, damage to them, and what repair makes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "codec.h"

namespace paxect::test {

struct Repaired {
  paxect_status status = PAXECT_OK;
  std::string container;
  std::string message;
  paxect_repair_report report{};
};

Repaired repair(const std::vector<std::string>& copies);
void check_restored(const std::string& damaged, const std::string& original);

// The values of std::mt19937, which is wider than they are on some systems.
struct Random {
  explicit Random(std::uint32_t seed) : engine(seed) {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine()); }
  std::size_t below(std::size_t bound) { return (*this)() % bound; }
  std::mt19937 engine;
};

// With another value for each byte.
std::string overwritten(std::string bytes, std::size_t at, std::size_t size, Random& random);

// The number of random cases; thousands with PAXECT_TEST_LONG=1.
int rounds(int count);

// Containers of every class of size: one cell, one code word, several, cells of 4 KiB.
enum Size { empty, one_byte, tiny, small, medium, large, one_frame };
struct Sample {
  const char* name;
  std::size_t size;
  int frame;
};
inline constexpr Sample kSamples[] = {{"empty", 0, 4096},
                                      {"one byte", 1, 4096},
                                      {"tiny", 700, 100},
                                      {"small", 20000, 4096},
                                      {"medium", 300000, 65536},
                                      {"large", 3000000, 1 << 20},
                                      {"one frame", 3000000, 8 << 20}};
// Two full windows and a short one.
inline constexpr Sample kSeveralWindows = {"several windows", 40 << 20, 1 << 20};
inline constexpr std::int64_t kPercents[] = {1, 6, 25, 50};

// A test of its own for each class, and of the large ones for each percentage, so that they run at the same
// time and none of them takes long, even with PAXECT_TEST_LONG.
enum Part {
  large_1 = 100,
  large_6,
  large_25,
  large_50,
  one_frame_1,
  one_frame_6,
  one_frame_25,
  one_frame_50,
  several_windows_1,
  several_windows_6,
  several_windows_25,
  several_windows_50
};
// `kPart`: a Part, or a Size with every percentage. The tests of several windows do not run under emulation.
#define TEST_CASE_OF_EACH_SIZE(name)                                                                    \
  TEMPLATE_TEST_CASE_SIG(name, "", ((int kPart), kPart), empty, one_byte, tiny, small, medium, large_1, \
                         large_6, large_25, large_50, one_frame_1, one_frame_6, one_frame_25, one_frame_50)
#define TEST_CASE_OF_EACH_SIZE_AND_SEVERAL_WINDOWS(name)                                                    \
  TEMPLATE_TEST_CASE_SIG(name, "", ((int kPart), kPart), empty, one_byte, tiny, small, medium, large_1,     \
                         large_6, large_25, large_50, one_frame_1, one_frame_6, one_frame_25, one_frame_50, \
                         several_windows_1, several_windows_6, several_windows_25, several_windows_50)

std::string protect(const Sample& sample, std::int64_t percent);

// A window of a container, and how many cells each of its code words can lose.
struct Window {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::size_t cell = 0;
  std::size_t parity = 0;
};
// By the first record of each.
std::vector<Window> windows_of(const std::string& container);

// The stored bytes that the protection covers: the container without extension frames and footer.
std::size_t covered(const std::string& container);

// Every percentage of a Size, that of a Part, and every one of all classes.
void for_each_percent(int part,
                      const std::function<void(const std::string& container, std::int64_t percent)>& test);
void for_each_sample(const std::function<void(const std::string& container, std::int64_t percent)>& test);

}  // namespace paxect::test
