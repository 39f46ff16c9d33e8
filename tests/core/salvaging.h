// Salvage for tests: takes damaged containers as strings, returns data and report.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "codec.h"
#include "paxect/core.h"

namespace paxect::test {

struct Range {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t frames;
  bool exact;
  bool operator==(const Range&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Range& range);

struct Salvaged {
  paxect_status status = PAXECT_OK;
  std::string data;
  std::string message;
  paxect_salvage_report report{};
  std::vector<paxect_salvage_input> inputs;
  std::vector<Range> lost;
  std::vector<Range> unconfirmed;
};
Salvaged salvage(const std::vector<std::string>& copies, const Parameters& parameters = {});

// What most tests damage: 20 frames of data of every kind, the last one shorter.
namespace twenty_frames {
inline constexpr std::size_t kFrame = 8192;
inline constexpr std::size_t kFrames = 20;
inline constexpr std::size_t kSize = (kFrames - 1) * kFrame + 1000;

std::string sample_data(std::uint32_t seed = 1);
std::string sample(const Parameters& parameters = {}, std::uint32_t seed = 1);
}  // namespace twenty_frames

// The position of each frame in a container.
struct Frame {
  std::size_t start;  // of its header
  std::size_t payload;
  std::size_t end;
  std::size_t offset;  // in the data
  std::size_t size;    // of the data; 0: extension frame
};
std::vector<Frame> frames_of(const std::string& container);

// `bytes` with `count` of them from `at` set to zero, or fewer at its end.
std::string zeroed(std::string bytes, std::size_t at, std::size_t count);

// Data of every kind in pieces of `piece` bytes: text, noise, zeros, a pattern; reproducible.
std::string motley(std::size_t size, std::size_t piece, std::uint32_t seed = 1);

}  // namespace paxect::test
