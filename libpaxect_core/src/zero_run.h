// Where data to be written to a file can become a hole. No state; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace paxect::core {

inline constexpr std::size_t kHoleBlock = 4096;  // holes begin and end at multiples of it in the file
inline constexpr std::size_t kSmallestHole = std::size_t{64} << 10;

struct ZeroRun {
  std::size_t begin = 0;  // in the data; its size when there is none
  std::size_t size = 0;
};

// The first run of whole blocks of zeros that is `smallest` bytes or more, or lasts to the end of the data
// and so may go on in what follows. `offset` is where the data goes in the file. Looks at eight bytes of a
// block that is not zero, as a rule.
ZeroRun find_zero_run(const std::uint8_t* data, std::size_t size, std::uint64_t offset, std::size_t smallest);

}  // namespace paxect::core
