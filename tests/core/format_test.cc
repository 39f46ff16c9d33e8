#include "format.h"

#include "support/catch.h"

namespace paxect::core {
namespace {

TEST_CASE("a header is written as the specification lays it out") {
  std::array<std::uint8_t, kHeaderSize> bytes;
  write_header({PAXECT_FLAG_VERIFY | PAXECT_FLAG_MULTICHANNEL, 1, -3, 0x01020304, 8}, bytes);
  const std::array<std::uint8_t, kHeaderSize> expected = {'P', 'X', 'C', '1', 42, 0, 3, 0, 0, 0, 1, 0xfd,
                                                          4,   3,   2,   1,   8,  0, 0, 0, 0, 0, 0, 0};
  CHECK(bytes == expected);
  Header back;
  REQUIRE(read_header(bytes, back).ok());
  CHECK(back.level == -3);
  CHECK(back.frame_size == 0x01020304);
}

TEST_CASE("unknown flags and reserved bytes are passed over") {
  std::array<std::uint8_t, kHeaderSize> bytes;
  write_header({0xffffffff, 0, 5, 1, 1}, bytes);
  bytes[20] = 99;
  Header back;
  REQUIRE(read_header(bytes, back).ok());
  CHECK(back.flags == 0xffffffff);
}

TEST_CASE("the header's fields are checked in the specification's order") {
  std::array<std::uint8_t, kHeaderSize> bytes;
  write_header({0, 0, 5, 1, 1}, bytes);
  Header back;
  bytes[12] = 0;  // frame size
  CHECK(read_header(bytes, back).offset == 12);
  bytes[10] = 2;  // mapping
  CHECK(read_header(bytes, back).offset == 10);
  bytes[16] = 0;  // channels
  CHECK(read_header(bytes, back).offset == 16);
  bytes[4] = 43;  // version
  CHECK(read_header(bytes, back).code == PAXECT_ERROR_VERSION);
  bytes[0] = 'Q';  // magic
  CHECK(read_header(bytes, back).code == PAXECT_ERROR_MAGIC);
}

TEST_CASE("a frame header and a footer survive being written and read") {
  std::array<std::uint8_t, kFrameHeaderSize> frame;
  write_frame_header({7, 0x11223344, 0x55667788, 0x99aabbcc}, frame);
  CHECK(frame[0] == 7);
  CHECK(frame[2] == 0x44);
  FrameHeader header = read_frame_header(frame);
  CHECK(header.clen == 0x11223344);
  CHECK(header.ulen == 0x55667788);
  CHECK(header.crc == 0x99aabbcc);

  Footer footer{0x0102030405060708, 9, {}};
  footer.digest[31] = 1;
  std::array<std::uint8_t, kFooterSize> bytes;
  write_footer(footer, bytes);
  CHECK(bytes[0] == 8);
  CHECK(bytes[43] == 1);
  CHECK(read_footer(bytes).total_size == footer.total_size);
  CHECK(read_footer(bytes).digest == footer.digest);
}

TEST_CASE("an extension frame is an empty zstd frame and one skippable frame of exactly the rest") {
  std::array<std::uint8_t, kExtensionPrefixSize> prefix = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0,
                                                           0x5f, 0x2a, 0x4d, 0x18, 3,    0, 0, 0};
  CHECK(check_extension({0, 20, 0, 0}, prefix).ok());
  CHECK_FALSE(check_extension({0, 21, 0, 0}, prefix).ok());
  prefix[9] = 0x60;
  CHECK_FALSE(check_extension({0, 20, 0, 0}, prefix).ok());
  prefix[9] = 0x50;
  CHECK(check_extension({0, 20, 0, 0}, prefix).ok());
  prefix[8] = 1;
  CHECK_FALSE(check_extension({0, 20, 0, 0}, prefix).ok());
}

}  // namespace
}  // namespace paxect::core
