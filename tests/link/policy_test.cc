#include "policy.h"

#include <catch2/catch.hpp>

namespace paxect::link {
namespace {

struct Parsed {
  Policy policy;
  std::vector<std::string> warnings;
  std::string error;
  bool good;
  explicit Parsed(const std::string& text) {
    good = parse_policy(text, "p.json", &policy, &warnings, &error);
  }
};

TEST_CASE("The default policy trusts this node and the usual suffixes") {
  Parsed parsed(default_policy_text("here"));
  REQUIRE(parsed.good);
  CHECK(parsed.warnings.empty());
  CHECK(parsed.policy.node_block("here").empty());
  CHECK(parsed.policy.node_block("localhost").empty());
  CHECK(parsed.policy.node_block("evil") == "untrusted_node:evil");
  for (const char* suffix : {".bin", ".txt", ".json", ".csv", ".aead", ".freq", ".TXT"})
    CHECK(parsed.policy.suffix_block(suffix).empty());
  CHECK(parsed.policy.suffix_block(".exe") == "disallowed_suffix:.exe");
  CHECK(parsed.policy.size_block(256u << 20).empty());
  CHECK(parsed.policy.size_block((256u << 20) + 1) == "file_too_large:268435457B");
  CHECK(parsed.policy.auto_delete);
  CHECK_FALSE(parsed.policy.require_sig);
}

TEST_CASE("Suffixes are taken with or without their dot") {
  Parsed parsed(R"({"allowed_suffixes": ["txt", ".CSV"]})");
  CHECK(parsed.policy.suffix_block(".txt").empty());
  CHECK(parsed.policy.suffix_block(".csv").empty());
}

TEST_CASE("A broken policy is refused with line, column and reason") {
  for (auto [text, where] : {std::pair{"{\n  \"a\": 1,\n}", "p.json:3:"},
                             {"", "p.json:1:1"},
                             {"[]", "p.json:1:1"},
                             {"{\n\n \"auto_delete\": \"yes\"}", "p.json:3:"},
                             {"{\"max_file_mb\": -1}", "'max_file_mb'"},
                             {"{\"log_level\": \"loud\"}", "'log_level'"},
                             {"{\"trusted_nodes\": [1]}", "'trusted_nodes'"},
                             {"{\"require_sig\": false,\n\"require_sig\": true}", "p.json:2:"},
                             {"{\"version\": \"\xff\"}", "p.json:1:"},
                             {"{} x", "p.json:1:"}}) {
    Parsed parsed(text);
    INFO(text << " -> " << parsed.error);
    CHECK_FALSE(parsed.good);
    CHECK(parsed.error.find(where) != std::string::npos);
  }
}

TEST_CASE("An unknown key is a warning, one each") {
  Parsed parsed("{\"a\": {\"b\": 1},\n \"c\": []}");
  CHECK(parsed.good);
  REQUIRE(parsed.warnings.size() == 2);
  CHECK(parsed.warnings[1].starts_with("p.json:2:"));
}

}  // namespace
}  // namespace paxect::link
