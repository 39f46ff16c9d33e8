// JSON in the one form that signatures cover: keys sorted by code point at every level, separators `,` and
// `:`, pure ASCII with \uxxxx in lower-case hex (surrogate pairs beyond the BMP), the short escapes
// \b \f \n \r \t \" \\, integers as written in the source. Numbers with a fraction or an exponent take the
// shortest digits that read back the same, with an exponent below 1e-4 and from 1e16 on, as Python's repr
// does, because the other implementations of the signature are written in Python.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace paxect::link {

struct JsonMember;

struct JsonNode {
  enum class Type { kNull, kTrue, kFalse, kNumber, kString, kArray, kObject };
  Type type = Type::kNull;
  std::string text;                  // of a string, or a number as written
  std::vector<JsonMember> children;  // names are "" in an array

  // The member of an object, NULL when there is none.
  const JsonNode* find(std::string_view name) const;
};

struct JsonMember {
  std::string name;
  JsonNode value;
};

// Strict JSON in UTF-8, at most 64 levels deep, no key twice in one object.
Status parse_json(std::string_view text, JsonNode* root);

std::string canonical_json(const JsonNode& node);

}  // namespace paxect::link
