// RapidJSON's validator of schemas, with the allocator of checked_json.h.
#pragma once

// Patterns are those of <regex>: RapidJSON's own always take malloc(), and write to a null pointer. RapidJSON
// switches to <regex> itself then.
#define RAPIDJSON_SCHEMA_USE_INTERNALREGEX 0

#include <checked_json.h>
#include <rapidjson/schema.h>

namespace paxect::json {

using SchemaDocument = rapidjson::GenericSchemaDocument<Value, Allocator>;
using SchemaValidator =
    rapidjson::GenericSchemaValidator<SchemaDocument, rapidjson::BaseReaderHandler<Encoding, void>,
                                      Allocator>;

}  // namespace paxect::json
