#include "frame_codec.h"

#include <zstd.h>

#include "support/catch.h"
#include "support/files.h"

namespace paxect::core {
namespace {

std::span<const std::uint8_t> view(const std::string& data) {
  return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}

TEST_CASE("the memory bound holds for real libzstd contexts at every level") {
  std::string data = test::text(std::size_t{4} << 20);
  for (int level = -7; level <= 22; ++level) {
    for (std::size_t size :
         {std::size_t{1}, std::size_t{300} << 10, std::size_t{1} << 20, std::size_t{4} << 20}) {
      if (level > 12 && size > std::size_t{1} << 20) continue;  // seconds each, and the same tables
      std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
      std::string out(ZSTD_compressBound(size), '\0');
      REQUIRE_FALSE(
          ZSTD_isError(ZSTD_compressCCtx(context.get(), out.data(), out.size(), data.data(), size, level)));
      INFO("level " << level << ", " << size << " bytes");
      CHECK(ZSTD_sizeof_CCtx(context.get()) <= compressor_memory(level, size));
    }
  }
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  CHECK(ZSTD_sizeof_DCtx(context.get()) <= decompressor_memory());
}

TEST_CASE("a frame whose lengths do not fit into 32 bits gets no header") {
  constexpr std::uint64_t kMax = 0xffffffff;
  FrameHeader header;
  REQUIRE(make_frame_header(3, kMax, kMax, 7, header).ok());
  CHECK(header.channel == 3);
  CHECK(header.clen == kMax);
  CHECK(header.ulen == kMax);
  CHECK(header.crc == 7);
  // Random bytes do not compress: the payload of 4294967295 of them is longer than 32 bits can express.
  CHECK(make_frame_header(0, kMax + 98'319, kMax, 0, header).code == PAXECT_ERROR_PARAMETER);
  CHECK(make_frame_header(0, 1, kMax + 1, 0, header).code == PAXECT_ERROR_PARAMETER);
  CHECK(header.clen == kMax);
}

TEST_CASE("a payload has to state the content size of the frame header") {
  std::string data = test::text(1000);
  std::string payload(ZSTD_compressBound(data.size()), '\0');
  payload.resize(ZSTD_compress(payload.data(), payload.size(), data.data(), data.size(), 3));
  std::string start = payload.substr(0, kContentSizeEnd);
  FrameHeader header{0, static_cast<std::uint32_t>(payload.size()), 1000, 0};
  CHECK(check_content_size(header, view(start)).ok());
  header.ulen = 1001;
  Status status = check_content_size(header, view(start));
  CHECK(status.code == PAXECT_ERROR_PAYLOAD);
  CHECK(status.message == "payload holds 1000 bytes where the frame header says 1001");
  CHECK(check_content_size(header, view(start.substr(0, 5))).code == PAXECT_ERROR_PAYLOAD);
  CHECK(check_content_size(header, view(test::noise(18))).code == PAXECT_ERROR_PAYLOAD);
  std::string unknown("\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00", 9);  // no content size, an empty last block
  CHECK(check_content_size(header, view(unknown)).message == "payload does not say its content size");
}

TEST_CASE("a reused context gives the bytes of a fresh one") {
  std::string small = test::text(1000), large = test::text(200'000);
  Allocator allocator;
  FrameCompressor reused;
  Buffer out(allocator);
  std::size_t size = 0;
  REQUIRE(reused.compress(view(large), 0, 19, out, size).ok());
  REQUIRE(reused.compress(view(small), 0, 3, out, size).ok());
  std::string again(reinterpret_cast<char*>(out.data()), size);
  FrameCompressor fresh;
  REQUIRE(fresh.compress(view(small), 0, 3, out, size).ok());
  CHECK(again == std::string(reinterpret_cast<char*>(out.data()), size));
}

TEST_CASE("a frame that does not give its data back is not proven, whatever is wrong with it") {
  std::string data = test::text(1000);
  Allocator allocator;
  FrameCompressor compressor;
  Buffer out(allocator);
  std::size_t size = 0;
  REQUIRE(compressor.compress(view(data), 0, 5, out, size).ok());
  const std::string frame(reinterpret_cast<char*>(out.data()), size);
  FrameProver prover(allocator);
  CHECK(prover.prove(view(frame), view(data)).ok());
  for (std::size_t at = 2; at < frame.size(); at += 3) {  // the channel is none of its business
    std::string damaged = frame;
    damaged[at] ^= 0x10;
    Status status = prover.prove(view(damaged), view(data));
    INFO("byte " << at << ": " << status.message);
    CHECK(status.code == PAXECT_ERROR_INTERNAL);
    CHECK(status.message.find("frame does not give its data back (") == 0);
  }
  std::string other = data;
  other[500] ^= 1;
  CHECK(prover.prove(view(frame), view(other)).message.find("other bytes came back") != std::string::npos);
  CHECK(prover.prove(view(frame), view(data.substr(1))).code == PAXECT_ERROR_INTERNAL);
  CHECK(prover.prove(view(frame), view(data)).ok());
}

TEST_CASE("a payload of two zstd frames, of none, or of an unknown size is refused") {
  std::string data = test::text(1000);
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), data.data(), data.size(), 5));
  auto check = [&](const std::string& payload, std::size_t ulen) {
    FrameHeader header{0, static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(ulen), 0};
    return check_payload(header, view(payload).data()).code;
  };
  CHECK(check(frame, 1000) == PAXECT_OK);
  CHECK(check(frame, 999) == PAXECT_ERROR_PAYLOAD);
  CHECK(check(frame + frame, 1000) == PAXECT_ERROR_PAYLOAD);
  CHECK(check(frame + "x", 1000) == PAXECT_ERROR_PAYLOAD);
  CHECK(check(frame.substr(0, frame.size() - 1), 1000) == PAXECT_ERROR_PAYLOAD);
  CHECK(check("no zstd frame at all", 1000) == PAXECT_ERROR_PAYLOAD);

  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  std::string unsized(ZSTD_compressBound(data.size()), '\0');
  unsized.resize(ZSTD_compress2(context.get(), unsized.data(), unsized.size(), data.data(), data.size()));
  CHECK(check(unsized, 1000) == PAXECT_ERROR_PAYLOAD);
}

}  // namespace
}  // namespace paxect::core
