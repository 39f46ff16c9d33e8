#include "settings/json_schema.h"

#include <stdexcept>

#include "support/catch.h"

namespace paxect::link {
namespace {

json::Document parsed(const std::string& text) {
  json::Document document;
  document.Parse(text.c_str());
  INFO(text);
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

// Each fault as "PLACE KEYWORD".
std::vector<std::string> faults_of(const std::string& text, const std::string& schema) {
  std::vector<std::string> result;
  for (const SchemaFault& fault : check_schema(parsed(text), schema))
    result.push_back(fault.place + " " + fault.keyword);
  return result;
}

TEST_CASE("Each keyword that a schema may use is enforced") {
  struct Case {
    const char* keyword;
    const char* schema;
    const char* valid;
    const char* invalid;
  };
  for (const Case& each : {
           Case{"type", R"({"type": "boolean"})", "true", "1"},
           Case{"type", R"({"type": ["integer", "null"]})", "null", "1.5"},
           Case{"type", R"({"type": "number"})", "1.5", "\"1.5\""},
           Case{"enum", R"({"enum": [0]})", "0", "1"},
           Case{"enum", R"({"enum": ["a", "b"]})", "\"b\"", "\"c\""},
           Case{"minimum", R"({"minimum": 1})", "1", "0"},
           Case{"minimum", R"({"minimum": -7})", "-7", "-7.5"},
           Case{"maximum", R"({"maximum": 1000000000000})", "1000000000000", "1000000000000.5"},
           Case{"minLength", R"({"minLength": 2})", "\"ab\"", "\"a\""},
           Case{"maxLength", R"({"maxLength": 1})", "\"a\"", "\"ab\""},
           Case{"pattern", R"({"pattern": "^([0-9a-f]{4})?$"})", "\"00ff\"", "\"00fg\""},
           Case{"minItems", R"({"minItems": 1})", "[1]", "[]"},
           Case{"maxItems", R"({"maxItems": 1})", "[1]", "[1, 2]"},
           Case{"uniqueItems", R"({"uniqueItems": true})", "[1, 2]", "[1, 1]"},
           Case{"required", R"({"required": ["a"]})", R"({"a": 1})", R"({"b": 1})"},
           Case{"additionalProperties", R"({"properties": {"a": {}}, "additionalProperties": false})",
                R"({"a": 1})", R"({"b": 1})"},
           Case{"allOf", R"({"allOf": [{"type": "string"}, {"minLength": 1}]})", "\"a\"", "\"\""},
           Case{"anyOf", R"({"anyOf": [{"not": {"required": ["a"]}}, {"required": ["b"]}]})",
                R"({"a": 1, "b": 1})", R"({"a": 1})"},
           Case{"oneOf", R"({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]})", R"({"b": 1})",
                R"({"a": 1, "b": 1})"},
           Case{"not", R"({"not": {"required": ["a"]}})", R"({"b": 1})", R"({"a": 1})"},
       }) {
    INFO(each.schema << " and " << each.invalid);
    CHECK(faults_of(each.valid, each.schema).empty());
    CHECK(faults_of(each.invalid, each.schema) ==
          std::vector<std::string>{"the document " + std::string(each.keyword)});
  }
}

TEST_CASE("Every fault is reported, those of an object and those inside it") {
  const char* schema = R"({
    "title": "a station", "required": ["name"],
    "properties": {
      "name": {"type": "string"},
      "ports": {"items": {"$ref": "#/definitions/port"}},
      "limits": {"additionalProperties": {"title": "a limit", "minimum": 0}}
    },
    "definitions": {
      "port": {"title": "a port", "required": ["number"], "properties": {"number": {"type": "integer"}}}
    }
  })";
  CHECK(faults_of(R"({"name": "a", "ports": [{"number": 1}], "limits": {"x": 1}, "more": [2]})", schema)
            .empty());
  const char* document = R"({"ports": [{}, {"number": "1"}, {"number": 2}], "limits": {"x": 0, "y": -1}})";
  CHECK(faults_of(document, schema) ==
        std::vector<std::string>{"the document required", "'ports'[0] required", "'ports'[1].'number' type",
                                 "'limits'.'y' minimum"});
  std::vector<SchemaFault> faults = check_schema(parsed(document), schema);
  CHECK(faults[0].expected == "a station");
  CHECK(faults[0].key.empty());
  CHECK(faults[1].expected == "a port");
  CHECK(faults[1].key == "ports");
  CHECK(faults[2].expected == "a port");  // the nearest title
  CHECK(faults[3].expected == "a limit");
}

TEST_CASE("A fault shows the value that was found, short and without control characters") {
  auto found = [](const std::string& text) {
    return check_schema(parsed(text), R"({"type": "null"})").at(0).found;
  };
  CHECK(found("true") == "true");
  CHECK(found("-0.5") == "-0.5");
  CHECK(found("[1, 2]") == "a list");
  CHECK(found("{}") == "an object");
  CHECK(found("\"a\\u001b\xc2\x9b\"") == "\"a\\u001B\\u009B\"");
  CHECK(found("\"" + std::string(1000, 'a') + "\"") == "\"" + std::string(39, 'a') + "...");
}

TEST_CASE("A schema that the validator would not enforce is rejected") {
  for (const char* schema :
       {R"({"const": 1})", R"({"properties": {"a": {"if": {}, "then": {}}}})",
        R"({"items": {"exclusiveMinimum": 1}})", R"({"propertyNames": {}})", R"({"patternProperties": {}})",
        R"({"anyOf": [{"$ref": "#/definitions/a"}]})", R"({"items": {"not": {"items": {"format": "date"}}}})",
        R"({"items": []})", R"({"$ref": "#/definitions/none"})", "[]", "{"}) {
    INFO(schema);
    CHECK_THROWS_AS(check_schema(parsed("1"), schema), std::runtime_error);
  }
}

}  // namespace
}  // namespace paxect::link
