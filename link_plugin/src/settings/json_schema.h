// Validates a JSON document against a JSON Schema, with RapidJSON's validator.
//
// The validator implements draft 4 and ignores later keywords without a word. A schema may therefore use only
// what draft 4 and draft 7 have in common (json_schema.cc lists the keywords): `enum` with one value instead
// of `const`, `anyOf` and `not` instead of `if`. A schema that uses anything else is rejected.
#pragma once

#include <checked_json.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::link {

// A value that breaks a rule of the schema.
struct SchemaFault {
  std::string key;       // the member of the outermost object; empty if the document itself is wrong
  std::string place;     // for a message: "'trusted_nodes'[1]", or "the document"
  std::string keyword;   // the schema's keyword that the value breaks, such as "type"
  std::string expected;  // the title that the schema gives this place, or else the nearest place around it
  std::string found;     // the value as JSON in ASCII, shortened; "a list" or "an object" for those
};

// Returns every innermost value that breaks the schema, in document order; empty if the document is valid.
// A document nested deeper than kMaxJsonDepth has one fault. Throws std::runtime_error if `schema` is not a
// schema of the kind described above.
std::vector<SchemaFault> check_schema(const json::Value& document, std::string_view schema);

// Returns the keys that the schema names for the outermost object.
std::set<std::string> keys_of_schema(std::string_view schema);

}  // namespace paxect::link
