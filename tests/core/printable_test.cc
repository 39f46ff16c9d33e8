#include "printable.h"

#include <rapidjson/document.h>

#if defined(PAXECT_TEST_HOST)
#include "unicode.h"
#endif

#include "support/catch.h"

namespace paxect::tool {
namespace {

TEST_CASE("what is readable is printed as it is") {
  for (const char* text : {"", "report.pdf", "caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x93\xa6",
                           "~", "\xc2\xa0", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"})
    CHECK(printable(text) == text);
}

TEST_CASE("no control character of any kind is printed") {
  for (int byte = 0; byte < 0x20; ++byte)
    CHECK(printable(std::string("a") + static_cast<char>(byte) + "b") == "a?b");
  CHECK(printable("\x7f") == "?");
  for (int byte = 0x80; byte <= 0x9f; ++byte)  // C1, as UTF-8
    CHECK(printable(std::string("a\xc2") + static_cast<char>(byte) + "b") == "a?b");
  for (const char* mark : {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
                           "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
                           "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9", "\xef\xbb\xbf"})
    CHECK(printable(std::string("a") + mark + "b") == "a?b");
}

TEST_CASE("no invisible character is printed") {
  for (const char* mark : {"\xc2\xad", "\xe1\xa0\x8e", "\xe2\x80\x8b", "\xe2\x80\x8d", "\xe2\x81\xa0",
                           "\xef\xbf\xb9", "\xef\xbf\xbb", "\xf3\xa0\x80\x81", "\xf3\xa0\x81\xbf"})
    CHECK(printable(std::string("a") + mark + "b") == "a?b");
}

#if defined(PAXECT_TEST_HOST)
TEST_CASE("the command and the host replace the same characters") {
  auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
  for (std::uint32_t code = 0x80; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    std::string text;
    if (code >= 0x10000)
      text = {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f))};
    else if (code >= 0x800)
      text = {byte(0xe0 | code >> 12)};
    else
      text = {byte(0xc0 | code >> 6)};
    if (code >= 0x800) text += byte(0x80 | (code >> 6 & 0x3f));
    text += byte(0x80 | (code & 0x3f));
    if ((printable(text) == "?") != host::is_control(code)) FAIL_CHECK("U+" << std::hex << code);
  }
}
#endif

TEST_CASE("bytes that are not UTF-8 are printed as question marks, one for each") {
  CHECK(printable("caf\xe9!") == "caf?!");
  CHECK(printable("\x9b"
                  "31m") == "?31m");               // a C1 control as terminals without UTF-8 know it
  CHECK(printable("\xc0\x8a") == "??");            // overlong
  CHECK(printable("\xe0\x80\x8a") == "???");       // overlong
  CHECK(printable("\xf0\x80\x80\x8a") == "????");  // overlong
  CHECK(printable("\xed\xa0\x80") == "???");       // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "????");  // above U+10FFFF
  CHECK(printable("\xf5\x80\x80\x80") == "????");
  CHECK(printable("a\xf0\x9f") == "a??");  // cut short
  CHECK(printable("\xc2") == "?");
}

TEST_CASE("JSON keeps every character, and escapes those that are not printed") {
  CHECK(json_string("a\"b\\c") == R"("a\"b\\c")");
  CHECK(json_string("a\n\x1b\x7f\xc2\x9b\xe2\x80\xae") == R"("a\u000a\u001b\u007f\u009b\u202e")");
  CHECK(json_string("\xf3\xa0\x80\x81") == R"("\udb40\udc01")");
  CHECK(json_string("\xe9\xc3\xa9") == "\"\xef\xbf\xbd\xc3\xa9\"");
  std::string text = "tab\there \xe2\x80\xae\xc3\xa9 \"quoted\"";
  rapidjson::Document document;
  document.Parse(json_string(text).c_str());
  REQUIRE(document.IsString());
  CHECK(document.GetString() == text);
}

}  // namespace
}  // namespace paxect::tool
