// Integers as the bytes of the format: little-endian, at any address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace paxect::core {

template <class Integer>
Integer load(const std::uint8_t* at) {
  std::make_unsigned_t<Integer> value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    value = static_cast<std::make_unsigned_t<Integer>>(value | static_cast<std::uint64_t>(at[i]) << 8 * i);
  return static_cast<Integer>(value);
}

template <class Integer>
void store(Integer value, std::uint8_t* at) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) at[i] = static_cast<std::uint8_t>(value >> 8 * i);
}

}  // namespace paxect::core
