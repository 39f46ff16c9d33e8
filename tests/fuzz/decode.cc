// Decodes any bytes in every way that the library offers. Streams give identical results for every chunk size
// and number of threads; memory and pull agree with them on validity and data.
#include <algorithm>
#include <cstring>
#include <vector>

#include "fuzz.h"

namespace paxect::fuzz {
namespace {

struct Outcome {
  paxect_status status = PAXECT_OK;
  std::uint64_t offset = 0;
  std::uint64_t frame = 0;
  std::string message;
  std::string data;

  bool operator==(const Outcome&) const = default;
};

void note_failure(paxect_decoder* decoder, Outcome& outcome) {
  outcome.offset = paxect_decoder_error_offset(decoder);
  outcome.frame = paxect_decoder_error_frame(decoder);
  outcome.message = paxect_decoder_error_message(decoder);
  FUZZ_REQUIRE((outcome.status == PAXECT_OK) == outcome.message.empty());
  FUZZ_REQUIRE(outcome.message.find('\n') == std::string::npos);
}

template <class NextSize>
Outcome push(std::int64_t threads, const std::uint8_t* data, std::size_t size, NextSize next_size) {
  Decoder decoder = make_decoder(threads);
  Outcome outcome;
  paxect_decoder_set_sink(decoder.get(), append, &outcome.data);
  while (size != 0 && outcome.status == PAXECT_OK) {
    std::size_t part = next_size(size);
    // A copy of exactly this size, so that a sanitizer sees a read behind its end.
    std::vector<std::uint8_t> chunk(data, data + part);
    outcome.status = paxect_decoder_write(decoder.get(), chunk.data(), part);
    data += part;
    size -= part;
  }
  if (outcome.status == PAXECT_OK) outcome.status = paxect_decoder_finish(decoder.get());
  note_failure(decoder.get(), outcome);
  return outcome;
}

Outcome in_memory(const std::uint8_t* data, std::size_t size, std::size_t capacity) {
  Decoder decoder = make_decoder(1);
  Outcome outcome;
  std::vector<std::uint8_t> out(capacity);
  std::size_t out_size = 0;
  outcome.status = paxect_decoder_decode_buffer(decoder.get(), data, size, out.data(), capacity, &out_size);
  note_failure(decoder.get(), outcome);
  if (outcome.status == PAXECT_OK)
    outcome.data.assign(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(out_size));
  return outcome;
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paxect::fuzz;
  Outcome whole = push(1, data, size, [](std::size_t left) { return left; });
  int exit = paxect_status_exit_code(whole.status);
  FUZZ_REQUIRE(exit == 0 || exit == 2 || exit == 4);

  Chunks chunks(data, size);
  FUZZ_REQUIRE(push(1, data, size, [&](std::size_t left) { return chunks.next(left); }) == whole);
  if (chunks.next(64) <= 4)  // threads cost a hundred times what most inputs do
    FUZZ_REQUIRE(push(3, data, size, [&](std::size_t left) { return chunks.next(left); }) == whole);

  // Given its size, a reader may say TRUNCATED where the one that was not told finds another fault behind it.
  Outcome memory = in_memory(data, size, whole.data.size());
  if (whole.status == PAXECT_OK) FUZZ_REQUIRE(memory == whole);
  FUZZ_REQUIRE((memory.status == PAXECT_OK) == (whole.status == PAXECT_OK));
  FUZZ_REQUIRE(memory.offset <= size + 1);
  if (whole.status == PAXECT_OK && !whole.data.empty())
    FUZZ_REQUIRE(in_memory(data, size, whole.data.size() - 1).status == PAXECT_ERROR_BUFFER_TOO_SMALL);
  return 0;
}
