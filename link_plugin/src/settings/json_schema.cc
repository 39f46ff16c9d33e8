#include "settings/json_schema.h"

#include <algorithm>
#include <stdexcept>
#include <valijson/adapters/rapidjson_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "base/json_text.h"

namespace paxect::link {
namespace {

using rapidjson::Value;
using Path = std::vector<std::string>;
using valijson::adapters::RapidJsonAdapter;

rapidjson::Document parse_schema(std::string_view text) {
  rapidjson::Document schema;
  schema.Parse<kStrictJson>(text.data(), text.size());
  if (schema.HasParseError()) throw std::runtime_error("a schema is no JSON");
  return schema;
}

const Value* member(const Value* object, const std::string& key) {
  if (object == nullptr || !object->IsObject()) return nullptr;
  auto found = object->FindMember(Value(rapidjson::StringRef(key.data(), key.size())));
  return found == object->MemberEnd() ? nullptr : &found->value;
}

// "[NAME]", as valijson writes a step of a path, without the brackets.
std::string unwrapped(const std::string& step) {
  return step.starts_with('[') && step.ends_with(']') ? step.substr(1, step.size() - 2) : step;
}

SchemaFault fault_at(const Path& path, const Value& document, const Value& schema) {
  SchemaFault fault;
  const Value* value = &document;
  const Value* rule = &schema;
  auto take_title = [&] {
    const Value* title = member(rule, "title");
    if (title != nullptr && title->IsString()) fault.expected = text_of(*title);
  };
  take_title();
  for (std::size_t i = 1; i < path.size(); ++i) {  // the first step is the root
    const std::string step = unwrapped(path[i]);
    if (i == 1) fault.key = step;
    if (value != nullptr && value->IsArray()) {
      fault.place += "[" + step + "]";
      rule = member(rule, "items");
      value = nullptr;  // a path of ours goes no deeper
    } else {
      fault.place += (fault.place.empty() ? "'" : ".'") + step + "'";
      rule = member(member(rule, "properties"), step);
      value = member(value, step);
    }
    take_title();
  }
  if (fault.place.empty()) fault.place = "the document";
  return fault;
}

bool is_inside(const Path& inner, const Path& outer) {
  return inner.size() > outer.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

}  // namespace

std::vector<SchemaFault> check_schema(const Value& document, std::string_view schema_text) {
  const rapidjson::Document schema_document = parse_schema(schema_text);
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(RapidJsonAdapter(schema_document), schema);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(schema, RapidJsonAdapter(document), &results)) return {};

  // What is wrong inside makes all around it wrong too, and one value can break several rules.
  std::vector<Path> paths;
  for (const auto& error : results)
    if (std::find(paths.begin(), paths.end(), error.context) == paths.end()) paths.push_back(error.context);
  std::vector<SchemaFault> faults;
  for (const Path& path : paths)
    if (std::none_of(paths.begin(), paths.end(), [&](const Path& other) { return is_inside(other, path); }))
      faults.push_back(fault_at(path, document, schema_document));
  return faults;
}

std::set<std::string> keys_of_schema(std::string_view schema) {
  std::set<std::string> keys;
  const rapidjson::Document document = parse_schema(schema);
  const Value* properties = member(&document, "properties");
  if (properties == nullptr) return keys;
  for (const auto& property : properties->GetObject()) keys.insert(text_of(property.name));
  return keys;
}

}  // namespace paxect::link
