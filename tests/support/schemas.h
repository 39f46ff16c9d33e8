// Validates what a program printed or wrote against its JSON Schema. For tests that are linked to
// paxect_link_objects, which has the validator.
#pragma once

#include <checked_json.h>

#include <string>

#include "settings/json_schema.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {

// A schema accepts unknown keys, because later versions may write more. In tests an object whose keys are
// listed has no others, so that everything this version writes is described.
inline void close_objects(json::Value& rule, json::Document::AllocatorType& allocator) {
  if (rule.IsArray())
    for (auto& each : rule.GetArray()) close_objects(each, allocator);
  if (!rule.IsObject()) return;
  // By number: RapidJSON 1.1's iterators compare ambiguously in C++20, as clang says.
  for (rapidjson::SizeType i = 0; i < rule.MemberCount(); ++i)
    close_objects((rule.MemberBegin() + i)->value, allocator);
  bool lists_keys = rule.HasMember("type") && rule["type"] == "object" && rule.HasMember("properties");
  if (lists_keys && !rule.HasMember("additionalProperties"))
    rule.AddMember("additionalProperties", false, allocator);
}

inline json::Document parsed_json(const std::string& text) {
  json::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str());
  INFO(text);
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

inline std::string closed_schema(const std::string& path) {
  json::Document schema = parsed_json(read_file(path));
  close_objects(schema, schema.GetAllocator());
  json::StringBuffer buffer;
  json::Writer writer(buffer);
  schema.Accept(writer);
  return buffer.GetString();
}

// `component` is a folder of the sources. Reports each fault.
inline bool fits_schema(const std::string& component, const std::string& name, const std::string& text) {
  const std::string path = PAXECT_TEST_SOURCES "/" + component + "/schemas/" + name + ".schema.json";
  auto faults = link::check_schema(parsed_json(text), closed_schema(path));
  for (const auto& fault : faults)
    UNSCOPED_INFO(name << ": " << fault.place << " breaks '" << fault.keyword << "': " << fault.found << "\n"
                       << text);
  return faults.empty();
}

}  // namespace paxect::test
