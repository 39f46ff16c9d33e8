// A JSON document held against a JSON Schema (draft 7, as valijson understands it).
#pragma once

#include <rapidjson/document.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::link {

struct SchemaFault {
  std::string key;       // of the outermost object; "" when the document itself is wrong
  std::string place;     // where in it, for a message: "'trusted_nodes'[1]", or "the document"
  std::string expected;  // the schema's title for that place, or for the nearest one around it
};

// Every place where the document is not as the schema says, the innermost only, in the order of the schema.
// `schema` is one of ours: a broken one throws std::runtime_error.
std::vector<SchemaFault> check_schema(const rapidjson::Value& document, std::string_view schema);

// The keys of the outermost object that the schema names.
std::set<std::string> keys_of_schema(std::string_view schema);

}  // namespace paxect::link
