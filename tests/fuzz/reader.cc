// Opens any bytes with a reader. For a valid container the reader agrees with the decoder on the frames, on
// any range of the data, and that the data is the original. Data that it returns from a damaged container
// passed its CRC-32.
#include <algorithm>

#include "fuzz.h"

namespace paxect::fuzz {
namespace {

struct Frames {
  std::uint64_t count = 0;
  std::uint64_t data = 0;
  static std::int32_t take(void* opaque, const paxect_frame_info* frame) {
    auto& self = *static_cast<Frames*>(opaque);
    FUZZ_REQUIRE(frame->number == self.count && frame->data_offset == self.data);
    FUZZ_REQUIRE((frame->extension == 1) == (frame->ulen == 0));
    self.count += 1;
    self.data += frame->ulen;
    return 0;
  }
};

Reader make_reader() {
  paxect_reader* handle = nullptr;
  FUZZ_REQUIRE(paxect_reader_create(nullptr, &handle) == PAXECT_OK);
  Reader reader(handle);
  FUZZ_REQUIRE(paxect_reader_set_parameter(handle, PAXECT_PARAM_THREADS, 1) == PAXECT_OK);
  FUZZ_REQUIRE(paxect_reader_set_parameter(handle, PAXECT_PARAM_MAX_FRAME, kMaxFrame) == PAXECT_OK);
  return reader;
}

void agree(paxect_reader* reader, const std::string& data, Chunks& chunks) {
  Frames frames;
  FUZZ_REQUIRE(paxect_reader_frames(reader, Frames::take, &frames) == PAXECT_OK);
  FUZZ_REQUIRE(frames.data == data.size());
  std::string out;
  FUZZ_REQUIRE(paxect_reader_read(reader, 0, UINT64_MAX, append, &out) == PAXECT_OK && out == data);
  for (int i = 0; i < 3 && !data.empty(); ++i) {
    std::size_t offset = chunks.next(data.size()) - 1;
    std::size_t length = chunks.next(data.size() - offset);
    out.clear();
    FUZZ_REQUIRE(paxect_reader_read(reader, offset, length, append, &out) == PAXECT_OK);
    FUZZ_REQUIRE(out == data.substr(offset, length));
  }
  Source original{data, 1000};
  FUZZ_REQUIRE(paxect_reader_compare(reader, Source::read, &original, nullptr, nullptr) == PAXECT_OK);
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paxect::fuzz;
  auto [status, decoded] = decode(data, size);

  MemoryFile file(view(data, size));
  Reader reader = make_reader();
  Chunks chunks(data, size);
  paxect_status opened = paxect_reader_open_fd(reader.get(), file.fd());
  if (status == PAXECT_OK) {
    FUZZ_REQUIRE(opened == PAXECT_OK);
    agree(reader.get(), decoded, chunks);
  } else if (opened == PAXECT_OK) {
    Frames frames;
    paxect_reader_frames(reader.get(), Frames::take, &frames);
    std::string out;
    paxect_reader_read(reader.get(), 0, UINT64_MAX, append, &out);
    FUZZ_REQUIRE(out.compare(0, std::min(out.size(), decoded.size()), decoded, 0, out.size()) == 0);
    Source original{decoded, 1000};
    paxect_reader_compare(reader.get(), Source::read, &original, nullptr, nullptr);
  }
  return 0;
}
