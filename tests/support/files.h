// Whole files in memory, and data to fill them with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace paxect::test {

// The contents of a file; fails the test when it cannot be read.
std::string read_file(const std::string& path);
// Creates or replaces a file; fails the test when it cannot be written.
void write_file(const std::string& path, const std::string& contents);
bool exists(const std::string& path);
using Names = std::vector<std::string>;
// Those in a directory, hidden ones included but for the marker of a place, sorted.
Names list(const std::string& directory);

// Reproducible data: words that compress about threefold, and bytes that do not compress.
std::string text(std::size_t size, std::uint32_t seed = 1);
std::string noise(std::size_t size, std::uint32_t seed = 1);

}  // namespace paxect::test
