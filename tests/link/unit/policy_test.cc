#include "settings/policy.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "support/catch.h"

namespace paxect::link {
namespace {

struct Parsed {
  Policy policy;
  std::vector<std::string> warnings;
  std::vector<std::string> faults;
  bool good;
  explicit Parsed(const std::string& text) {
    good = parse_policy(text, "p.json", &policy, &warnings, &faults);
  }
};

TEST_CASE("Names without a suffix, or with any, can be allowed") {
  Parsed none(R"({"allowed_suffixes": ["", "txt"]})");
  CHECK(none.policy.suffix_block("").empty());
  CHECK(none.policy.suffix_block(".txt").empty());
  CHECK(none.policy.suffix_block(".exe") == "disallowed_suffix:.exe");
  Parsed any(R"({"allowed_suffixes": ["*"]})");
  for (const char* suffix : {"", ".txt", ".freq", ".*"}) CHECK(any.policy.suffix_block(suffix).empty());
  Parsed dot(R"({"allowed_suffixes": ["."]})");
  CHECK(dot.policy.suffix_block("") == "disallowed_suffix:");
}

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

TEST_CASE("A policy that says nothing is the one of its schema's defaults") {
  rapidjson::Document schema;
  schema.Parse(kPolicySchema.data(), kPolicySchema.size());
  rapidjson::Document defaults(rapidjson::kObjectType);
  for (rapidjson::SizeType i = 0; i < schema["properties"].MemberCount(); ++i) {
    auto property = schema["properties"].MemberBegin() + i;
    if (property->value.HasMember("default"))
      defaults.AddMember(property->name, property->value["default"], defaults.GetAllocator());
  }
  CHECK(defaults.MemberCount() == 8);
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> writer(text);
  defaults.Accept(writer);
  Parsed parsed(text.GetString());
  CHECK(parsed.good);
  CHECK(parsed.policy == Policy());
  CHECK_FALSE(Parsed(R"({"max_file_mb": 255})").policy == Policy());
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
                             {"{\"log_level\": \"info\\nloud\"}", "'log_level'"},
                             {"{\"log_level\": \"loud\\ninfo\"}", "'log_level'"},
                             {"{\"trusted_nodes\": [1]}", "'trusted_nodes'"},
                             {"{\"require_sig\": false,\n\"require_sig\": true}", "p.json:2:"},
                             {"{\"version\": \"\xff\"}", "p.json:1:"},
                             {"{} x", "p.json:1:"}}) {
    Parsed parsed(text);
    INFO(text << " -> " << in_one_line(parsed.faults));
    CHECK_FALSE(parsed.good);
    REQUIRE(parsed.faults.size() == 1);
    CHECK(parsed.faults[0].find(where) != std::string::npos);
  }
}

TEST_CASE("A long text where the schema has a pattern is one fault") {
  Parsed parsed("{\"log_level\": \"" + std::string(1'000'000, 'i') + "\"}");
  CHECK_FALSE(parsed.good);
  REQUIRE(parsed.faults.size() == 1);
  CHECK(parsed.faults[0].size() < 200);
}

TEST_CASE("Every fault of a policy is reported, with its place, what is allowed and what was found") {
  Parsed parsed(R"({
 "auto_delete": "yes",
 "trusted_nodes": ["a", 1, "b", null],
 "log_level": "loud",
 "max_file_mb": -1,
 "allowed_suffixes": ".txt",
 "version": 2,
 "require_sig": true
})");
  CHECK_FALSE(parsed.good);
  std::set<std::string> faults(parsed.faults.begin(), parsed.faults.end());
  CHECK(faults == std::set<std::string>{
                      "p.json:2:14: 'auto_delete' must be true or false, not \"yes\"",
                      "p.json:3:16: 'trusted_nodes'[1] must be a string, the name of a host, not 1",
                      "p.json:3:16: 'trusted_nodes'[3] must be a string, the name of a host, not null",
                      "p.json:4:12: 'log_level' must be debug, info, warn or error, not \"loud\"",
                      "p.json:5:14: 'max_file_mb' must be a number of MiB, from 0 to 1000000000000, not -1",
                      "p.json:6:19: 'allowed_suffixes' must be a list of strings, not \".txt\"",
                      "p.json:7:10: 'version' must be a string, not 2"});
  CHECK_FALSE(parsed.policy.require_sig);
  CHECK(in_one_line(parsed.faults).ends_with("(and 6 more: see paxect check)"));
}

TEST_CASE("A policy that is not an object is one fault, of the whole document") {
  Parsed parsed("[]");
  CHECK(parsed.faults ==
        std::vector<std::string>{"p.json:1:1: the document must be a policy: one JSON object, not a list"});
}

TEST_CASE("Deep nesting is a fault, and no reason to run out of stack") {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  CHECK(Parsed("{\"unknown\": " + deep + "}").faults ==
        std::vector<std::string>{"p.json:1:1: the document must be nested at most 64 levels deep"});
}

TEST_CASE("Every key of the policy's schema takes effect, and upper case in a level too") {
  Parsed parsed(R"({"$schema": "policy.schema.json", "version": "7", "trusted_nodes": ["n"],
    "allowed_suffixes": ["x"], "max_file_mb": 0.5, "require_sig": true, "auto_delete": false,
    "log_level": "WARN", "quarantine_on_policy_block": true})");
  REQUIRE(parsed.good);
  CHECK(parsed.warnings.empty());
  CHECK(parsed.policy.version == "7");
  CHECK(parsed.policy.trusted_nodes == std::set<std::string>{"n"});
  CHECK(parsed.policy.allowed_suffixes == std::set<std::string>{".x"});
  CHECK(parsed.policy.max_file_bytes == 524288);
  CHECK(parsed.policy.require_sig);
  CHECK_FALSE(parsed.policy.auto_delete);
  CHECK(parsed.policy.log_level == 2);
  CHECK(parsed.policy.quarantine_on_policy_block);
}

TEST_CASE("An unknown key is a warning, one each") {
  Parsed parsed("{\"a\": {\"b\": 1},\n \"c\": []}");
  CHECK(parsed.good);
  REQUIRE(parsed.warnings.size() == 2);
  CHECK(parsed.warnings[1].starts_with("p.json:2:"));
}

}  // namespace
}  // namespace paxect::link
