#include "base/canonical_json.h"

#include "support/catch.h"

namespace paxect::link {
namespace {

std::string canonical(const std::string& text) {
  JsonNode root;
  Status status = parse_json(text, &root);
  INFO(text << " -> " << status.message);
  REQUIRE(status.ok());
  return canonical_json(root);
}

std::string problem(const std::string& text) {
  JsonNode root;
  Status status = parse_json(text, &root);
  CHECK_FALSE(status.ok());
  return status.message;
}

TEST_CASE("Keys are sorted by code point at every level, and blanks go") {
  CHECK(canonical(R"( { "b" : [ { "z" : 1 , "a" : 2 } ] , "a" : { } } )") ==
        R"({"a":{},"b":[{"a":2,"z":1}]})");
  CHECK(canonical("{\"\xf0\x9f\x98\x80\":1,\"\xef\xbf\xbd\":2,\"z\":3}") ==
        "{\"z\":3,\"\\ufffd\":2,\"\\ud83d\\ude00\":1}");
}

TEST_CASE("Strings become ASCII with the short escapes and lower-case hex") {
  CHECK(canonical(R"(["\b\f\n\r\t\"\\\/"])") == R"(["\b\f\n\r\t\"\\/"])");
  CHECK(canonical("[\"\\u0001\x7f\xc3\xa9\\u00E9\"]") == R"(["\u0001\u007f\u00e9\u00e9"])");
}

TEST_CASE("Integers stay as written, other numbers take their shortest form") {
  CHECK(canonical("[12345678901234567890123,-7,0,-0]") == "[12345678901234567890123,-7,0,0]");
  CHECK(canonical("[1.0,1.50,1e2,1e16,1.5e-5,0.0001,1e22,-0.0,5e-324]") ==
        "[1.0,1.5,100.0,1e+16,1.5e-05,0.0001,1e+22,-0.0,5e-324]");
}

TEST_CASE("Doubled keys, deep nesting and what is not JSON are refused") {
  CHECK(problem(R"({"a":{"k":1,"k":1}})").find("twice") != std::string::npos);
  CHECK(problem(std::string(65, '[') + std::string(65, ']')).find("deep") != std::string::npos);
  CHECK(canonical(std::string(64, '[') + std::string(64, ']')).size() == 128);
  for (const char* bad : {"", "{", "{} {}", "[1,]", "nul", "\"\xff\"", "\"\\ud800\"", "[01]", "NaN"})
    CHECK_FALSE(problem(bad).empty());
}

}  // namespace
}  // namespace paxect::link
