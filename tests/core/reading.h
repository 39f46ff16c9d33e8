// Readers through the C API, as the tests use them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {

inline Reader open_reader(const std::string& path, const Parameters& parameters = {}) {
  Reader reader = make_reader(parameters);
  INFO(path);
  REQUIRE(paxect_reader_open_path(reader.get(), path.c_str()) == PAXECT_OK);
  return reader;
}

inline std::int32_t keep_frame(void* list, const paxect_frame_info* frame) {
  static_cast<std::vector<paxect_frame_info>*>(list)->push_back(*frame);
  return 0;
}

inline paxect_status walk(paxect_reader* reader, std::vector<paxect_frame_info>& frames) {
  frames.clear();
  return paxect_reader_frames(reader, keep_frame, &frames);
}

inline std::string read(paxect_reader* reader, std::uint64_t offset, std::uint64_t length) {
  std::string data;
  REQUIRE(paxect_reader_read(reader, offset, length, append, &data) == PAXECT_OK);
  return data;
}

inline std::int32_t keep_difference(void* list, const paxect_difference* difference) {
  static_cast<std::vector<paxect_difference>*>(list)->push_back(*difference);
  return 0;
}

struct Compared {
  paxect_status status;
  std::vector<paxect_difference> differences;
  std::string message;
};
inline Compared compare(const TempDir& dir, paxect_reader* reader, const std::string& original) {
  write_file(dir / "original", original);
  Compared result{};
  result.status =
      paxect_reader_compare_path(reader, (dir / "original").c_str(), keep_difference, &result.differences);
  result.message = paxect_reader_error_message(reader);
  return result;
}

}  // namespace paxect::test
