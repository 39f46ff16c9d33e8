#include "salvaging.h"

#include <algorithm>
#include <cstring>
#include <ostream>

#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {
namespace {

std::uint32_t load32(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes.at(at + i))) << 8 * i;
  return value;
}

std::int32_t collect(void* opaque, const paxect_salvage_range* range) {
  auto& result = *static_cast<Salvaged*>(opaque);
  auto& list = range->kind == PAXECT_RANGE_LOST ? result.lost : result.unconfirmed;
  list.push_back({range->start, range->end, range->frames, range->exact != 0});
  return 0;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Range& range) {
  return out << '[' << range.start << ", " << range.end << ") " << range.frames << " frames"
             << (range.exact ? "" : " estimated");
}

Salvaged salvage(const std::vector<std::string>& copies, const Parameters& parameters) {
  Salvager owner = make_salvager(parameters);
  paxect_salvager* salvager = owner.get();
  std::vector<std::unique_ptr<MemoryFile>> files;
  for (const std::string& copy : copies) {
    files.push_back(std::make_unique<MemoryFile>(copy));
    std::string name = "copy " + std::to_string(files.size());
    REQUIRE(paxect_salvager_add_fd(salvager, files.back()->fd(), name.c_str()) == PAXECT_OK);
  }
  Salvaged result;
  REQUIRE(paxect_salvager_set_sink(salvager, append, &result.data) == PAXECT_OK);
  result.status = paxect_salvager_run(salvager);
  result.message = paxect_salvager_error_message(salvager);
  result.report.struct_size = sizeof result.report;
  REQUIRE(paxect_salvager_report(salvager, &result.report) == PAXECT_OK);
  REQUIRE(paxect_salvager_each_range(salvager, collect, &result) == PAXECT_OK);
  for (std::uint32_t i = 0; i < copies.size(); ++i) {
    paxect_salvage_input input{};
    input.struct_size = sizeof input;
    REQUIRE(paxect_salvager_input(salvager, i, &input) == PAXECT_OK);
    result.inputs.push_back(input);
  }
  return result;
}

std::vector<Frame> frames_of(const std::string& container) {
  std::vector<Frame> frames;
  std::size_t offset = 0;
  for (std::size_t at = 24; at + 44 < container.size();) {
    Frame frame{at, at + 14, at + 14 + load32(container, at + 2), offset, load32(container, at + 6)};
    frames.push_back(frame);
    at = frame.end;
    offset += frame.size;
  }
  return frames;
}

std::string zeroed(std::string bytes, std::size_t at, std::size_t count) {
  for (std::size_t i = at; i < std::min(at + count, bytes.size()); ++i) bytes[i] = '\0';
  return bytes;
}

std::string motley(std::size_t size, std::size_t piece, std::uint32_t seed) {
  std::string data;
  for (std::uint32_t i = 0; data.size() < size; ++i) {
    std::size_t count = std::min(piece, size - data.size());
    switch ((i + seed) % 5) {
      case 0:
      case 3:
        data += text(count, seed * 1000 + i);
        break;
      case 1:
        data += noise(count, seed * 1000 + i);
        break;
      case 2:
        data += std::string(count, '\0');
        break;
      default:
        data += text(count / 2, seed * 1000 + i) + noise(count - count / 2, seed * 1000 + i);
    }
  }
  return data;
}

std::string twenty_frames::sample_data(std::uint32_t seed) { return motley(kSize, kFrame, seed); }

std::string twenty_frames::sample(const Parameters& parameters, std::uint32_t seed) {
  Parameters all = parameters;
  all.emplace_back(PAXECT_PARAM_FRAME_SIZE, kFrame);
  return encode(sample_data(seed), all);
}

}  // namespace paxect::test
