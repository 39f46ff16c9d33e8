#include "repairing.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>

#include "salvaging.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {

Repaired repair(const std::vector<std::string>& copies) {
  Repairer repairer = make_repairer({{PAXECT_PARAM_THREADS, 1}});
  std::vector<std::unique_ptr<MemoryFile>> files;
  for (const std::string& copy : copies) {
    files.push_back(std::make_unique<MemoryFile>(copy));
    REQUIRE(paxect_repairer_add_fd(repairer.get(), files.back()->fd(), "copy") == PAXECT_OK);
  }
  Repaired result;
  REQUIRE(paxect_repairer_set_sink(repairer.get(), append, &result.container) == PAXECT_OK);
  result.status = paxect_repairer_run(repairer.get());
  result.message = paxect_repairer_error_message(repairer.get());
  result.report.struct_size = sizeof result.report;
  REQUIRE(paxect_repairer_report(repairer.get(), &result.report) == PAXECT_OK);
  REQUIRE((result.report.proven == 1) == (result.status == PAXECT_OK));
  // A check gives the same result.
  REQUIRE(paxect_repairer_check(repairer.get()) == result.status);
  return result;
}

void check_restored(const std::string& damaged, const std::string& original) {
  Repaired result = repair({damaged});
  CHECK(result.message == "");
  REQUIRE(result.status == PAXECT_OK);
  REQUIRE(result.container == original);
}

std::string overwritten(std::string bytes, std::size_t at, std::size_t size, Random& random) {
  for (std::size_t i = at; i < std::min(bytes.size(), at + size); ++i)
    bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(1 + random() % 255));
  return bytes;
}

int rounds(int count) {
  const char* is_long = std::getenv("PAXECT_TEST_LONG");
  return is_long != nullptr && *is_long == '1' ? 100 * count : count;
}

std::string protect(const Sample& sample, std::int64_t percent) {
  return encode(noise(sample.size, 5), {{PAXECT_PARAM_PROTECT, percent},
                                        {PAXECT_PARAM_FRAME_SIZE, sample.frame},
                                        {PAXECT_PARAM_THREADS, 1},
                                        {PAXECT_PARAM_LEVEL, 1}});
}

std::vector<Window> windows_of(const std::string& container) {
  auto number = [&](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(container[at + i]);
    return value;
  };
  std::vector<Window> windows;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    if (number(at + 12, 1) == 1 && number(at + 32, 4) == windows.size())
      windows.push_back({.offset = number(at + 36, 8),
                         .length = number(at + 44, 8),
                         .cell = std::size_t{1} << number(at + 14, 1),
                         .parity = number(at + 56, 1)});
  return windows;
}

std::size_t covered(const std::string& container) {
  std::size_t size = container.size() - 44;
  for (const Frame& frame : frames_of(container))
    if (frame.size == 0) size -= frame.end - frame.start;
  return size;
}

namespace {

// An emulated processor takes 30 times as long. There, the largest samples have no more cells of 4 KiB than
// their class needs, and as many frames as elsewhere.
Sample of_size(int size) {
  constexpr std::size_t kLargest = 600'000;  // bytes, emulated
  if (size > one_frame) return kSeveralWindows;
  Sample sample = kSamples[size];
  if (!emulated() || sample.size <= kLargest) return sample;
  sample.frame /= static_cast<int>(sample.size / kLargest);
  sample.size = kLargest;
  return sample;
}

}  // namespace

void for_each_percent(int part,
                      const std::function<void(const std::string& container, std::int64_t percent)>& test) {
  constexpr int kCount = std::size(kPercents);
  const bool is_size = part < large_1;
  const Sample sample = of_size(is_size ? part : large + (part - large_1) / kCount);
  for (const std::int64_t percent : kPercents) {
    if (!is_size && percent != kPercents[(part - large_1) % kCount]) continue;
    INFO(sample.name << ", " << percent << " %");
    test(protect(sample, percent), percent);
  }
}

void for_each_sample(const std::function<void(const std::string& container, std::int64_t percent)>& test) {
  for (const Size size : {empty, one_byte, tiny, small, medium, large, one_frame})
    for_each_percent(size, test);
}

}  // namespace paxect::test
