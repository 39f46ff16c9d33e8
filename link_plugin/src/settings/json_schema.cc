#include "settings/json_schema.h"

#include <checked_schema.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

#include "base/json_text.h"

namespace paxect::link {
namespace {

using json::Document;
using json::Value;

// What RapidJSON 1.1 implements correctly, and what only describes. It knows `patternProperties` too, but
// mixes up the patterns of one key with those of the next. An array needs no memory while the module is
// loaded, when nothing could report that there is none.
constexpr std::string_view kKeywords[] = {"$schema",     "$id",      "$ref",     "additionalProperties",
                                          "allOf",       "anyOf",    "default",  "definitions",
                                          "description", "enum",     "items",    "maxItems",
                                          "maxLength",   "maximum",  "minItems", "minLength",
                                          "minimum",     "not",      "oneOf",    "pattern",
                                          "properties",  "required", "title",    "type",
                                          "uniqueItems"};
constexpr std::string_view kNamedRules[] = {"definitions", "properties"};
constexpr std::string_view kInnerRules[] = {"additionalProperties", "items"};
constexpr std::string_view kCombinedRules[] = {"allOf", "anyOf", "not", "oneOf"};

constexpr std::size_t kMaxFoundText = 40;

template <std::size_t N>
bool is_among(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// A rule is compiled without the rest of the schema (see FaultFinder), so a reference inside a combined rule
// would lead nowhere, which RapidJSON takes for a rule that accepts everything.
enum class References { kAllowed, kRejected };

void require_known_keywords(const Value& rule, References references) {
  if (!rule.IsObject()) throw std::runtime_error("a schema has a rule that is not an object");
  for (const auto& member : rule.GetObject()) {
    const std::string keyword = text_of(member.name);
    const Value& value = member.value;
    if (!is_among(kKeywords, keyword))
      throw std::runtime_error("a schema uses '" + keyword + "', which the validator does not implement");
    if (keyword == "$ref" && references == References::kRejected)
      throw std::runtime_error("a schema uses '$ref' below 'allOf', 'anyOf', 'oneOf' or 'not'");
    if (is_among(kNamedRules, keyword))
      for (const auto& named : value.GetObject()) require_known_keywords(named.value, references);
    if (is_among(kInnerRules, keyword) && !value.IsBool()) require_known_keywords(value, references);
    if (is_among(kCombinedRules, keyword)) {
      if (value.IsArray())
        for (const Value& each : value.GetArray()) require_known_keywords(each, References::kRejected);
      else
        require_known_keywords(value, References::kRejected);
    }
  }
}

Document parse_schema(std::string_view text) {
  Document schema;
  schema.Parse<kStrictJson>(text.data(), text.size());
  if (schema.HasParseError()) throw std::runtime_error("a schema is not JSON");
  require_known_keywords(schema, References::kAllowed);
  return schema;
}

const Value* member(const Value* object, std::string_view key) {
  if (object == nullptr || !object->IsObject()) return nullptr;
  auto found = object->FindMember(Value(rapidjson::StringRef(key.data(), key.size())));
  return found == object->MemberEnd() ? nullptr : &found->value;
}

// Recursion ends at `levels`, because a hostile document must not exhaust the stack.
bool is_deeper_than(std::size_t levels, const Value& value) {
  if (!value.IsArray() && !value.IsObject()) return false;
  if (levels == 0) return true;
  if (value.IsArray())
    return std::any_of(value.Begin(), value.End(),
                       [&](const Value& each) { return is_deeper_than(levels - 1, each); });
  return std::any_of(value.MemberBegin(), value.MemberEnd(),
                     [&](const auto& each) { return is_deeper_than(levels - 1, each.value); });
}

std::string shortened(const Value& value) {
  if (value.IsArray()) return "a list";
  if (value.IsObject()) return "an object";
  json::StringBuffer buffer;
  json::BasicWriter<rapidjson::ASCII<>> writer(buffer);
  value.Accept(writer);
  std::string text(buffer.GetString(), buffer.GetSize());
  if (text.size() > kMaxFoundText) text.replace(kMaxFoundText, std::string::npos, "...");
  return text;
}

// Walks the document and the schema side by side and validates each value on its own, because the validator
// stops at the first fault. Rules below `allOf`, `anyOf`, `oneOf` and `not` belong to the value that has
// them: a fault there is a fault of that value.
class FaultFinder {
 public:
  explicit FaultFinder(const Value& schema) : schema_(schema) {}

  void find(const Value& value, const Value& rule, SchemaFault around) {
    const Value& own = resolved(rule);
    if (const Value* title = member(&own, "title")) around.expected = text_of(*title);
    const std::size_t before = faults_.size();
    if (value.IsObject()) find_in_object(value, own, around);
    if (value.IsArray()) find_in_array(value, own, around);
    json::SchemaValidator validator(without_inner_rules(own));
    if (value.Accept(validator)) return;
    around.keyword = validator.GetInvalidSchemaKeyword();
    around.found = shortened(value);
    faults_.insert(faults_.begin() + static_cast<std::ptrdiff_t>(before), std::move(around));
  }

  std::vector<SchemaFault> take() { return std::move(faults_); }

 private:
  void find_in_object(const Value& object, const Value& rule, const SchemaFault& around) {
    const Value* properties = member(&rule, "properties");
    const Value* others = member(&rule, "additionalProperties");
    for (const auto& each : object.GetObject()) {
      const std::string key = text_of(each.name);
      const Value* inner = member(properties, key);
      if (inner == nullptr) inner = others;
      if (inner == nullptr || !inner->IsObject()) continue;
      SchemaFault place = around;
      if (place.place.empty()) place.key = key;
      place.place += (place.place.empty() ? "'" : ".'") + key + "'";
      find(each.value, *inner, std::move(place));
    }
  }

  void find_in_array(const Value& array, const Value& rule, const SchemaFault& around) {
    const Value* inner = member(&rule, "items");
    if (inner == nullptr) return;
    for (rapidjson::SizeType i = 0; i < array.Size(); ++i) {
      SchemaFault place = around;
      place.place += "[" + std::to_string(i) + "]";
      find(array[i], *inner, std::move(place));
    }
  }

  const Value& resolved(const Value& rule) const {
    const Value* reference = member(&rule, "$ref");
    if (reference == nullptr) return rule;
    const Value* target = json::Pointer(reference->GetString()).Get(schema_);
    if (target == nullptr)
      throw std::runtime_error("a schema refers to '" + text_of(*reference) + "', which is missing");
    return resolved(*target);
  }

  // The rule with the values inside left to their own turn. Compiled once, since one rule is for all of a
  // list.
  const json::SchemaDocument& without_inner_rules(const Value& rule) {
    std::unique_ptr<json::SchemaDocument>& compiled = compiled_[&rule];
    if (compiled == nullptr) {
      Document own;
      own.CopyFrom(rule, own.GetAllocator());
      for (const char* keyword : {"items", "additionalProperties"})
        if (own.HasMember(keyword) && own[keyword].IsObject()) own[keyword].SetObject();
      if (const Value* properties = member(&rule, "properties")) {
        Value names(rapidjson::kObjectType);
        for (const auto& property : properties->GetObject())
          names.AddMember(Value(property.name, own.GetAllocator()), Value(rapidjson::kObjectType),
                          own.GetAllocator());
        own["properties"] = names;
      }
      compiled = std::make_unique<json::SchemaDocument>(own);
    }
    return *compiled;
  }

  const Value& schema_;
  std::map<const Value*, std::unique_ptr<json::SchemaDocument>> compiled_;
  std::vector<SchemaFault> faults_;
};

}  // namespace

std::vector<SchemaFault> check_schema(const Value& document, std::string_view schema_text) {
  const Document schema = parse_schema(schema_text);
  std::vector<SchemaFault> faults;
  if (is_deeper_than(kMaxJsonDepth, document)) {
    faults.emplace_back().expected = "nested at most " + std::to_string(kMaxJsonDepth) + " levels deep";
  } else {
    FaultFinder finder(schema);
    finder.find(document, schema, {});
    faults = finder.take();
  }
  for (SchemaFault& fault : faults)
    if (fault.place.empty()) fault.place = "the document";
  return faults;
}

std::set<std::string> keys_of_schema(std::string_view schema) {
  std::set<std::string> keys;
  const Document document = parse_schema(schema);
  const Value* properties = member(&document, "properties");
  if (properties == nullptr) return keys;
  for (const auto& property : properties->GetObject()) keys.insert(text_of(property.name));
  return keys;
}

}  // namespace paxect::link
