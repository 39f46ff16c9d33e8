#include "support/files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "support/catch.h"

namespace paxect::test {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  INFO("reading " << path);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& contents) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  out.close();
  INFO("writing " << path);
  REQUIRE(out.good());
}

bool exists(const std::string& path) {
  return std::filesystem::exists(std::filesystem::symlink_status(path));
}

std::vector<std::string> list(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename() != ".paxect-place") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string text(std::size_t size, std::uint32_t seed) {
  static constexpr std::array<const char*, 16> kWords = {
      "file ",   "frame ", "channel ", "footer ", "inbox ", "outbox ", "relay ",   "policy ",
      "durable", " and ",  "whole, ",  "once.\n", "node ",  "peer ",   "audit-7 ", "0123456789 "};
  std::minstd_rand random(seed);
  std::string out;
  out.reserve(size + 16);
  while (out.size() < size) out += kWords[random() >> 7 & 15];
  out.resize(size);
  return out;
}

std::string noise(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& byte : out) byte = static_cast<char>(random() & 0xff);
  return out;
}

}  // namespace paxect::test
