#include "config_value.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>

#include "names.h"
#include "unicode.h"

namespace paxect::host {
namespace {

// The first and the last character of a value, which may be the same one; 0 of an empty value.
struct Edges {
  char32_t first = 0;
  char32_t last = 0;
  bool are_two = false;
};

Edges edges_of(std::string_view value) {
  Edges edges;
  for (bool at_start = true; !value.empty(); at_start = false) {
    const Character character = first_character(value);
    value.remove_prefix(character.bytes.size());
    edges.last = character.code;
    if (at_start) edges.first = character.code;
    edges.are_two = !at_start;
  }
  return edges;
}

// Unicode's blanks that are not ASCII (category Zs), as editors and web pages leave them behind.
bool is_wide_blank(char32_t code) {
  return code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f ||
         code == 0x205f || code == 0x3000;
}

bool is_ascii_quote(char32_t code) { return code == '"' || code == '\''; }

// What text programs and web pages make of " and '.
bool is_typographic_quote(char32_t code) {
  return code == 0xab || code == 0xb4 || code == 0xbb || (code >= 0x2018 && code <= 0x201f) ||
         (code >= 0x2032 && code <= 0x2036) || code == 0x2039 || code == 0x203a ||
         (code >= 0x300c && code <= 0x300f) || code == 0xff02 || code == 0xff07;
}

// A typographic pair has two different marks, and one of them may have stayed an ASCII one.
bool is_quoted(const Edges& edges) {
  if (!edges.are_two) return false;
  if (is_ascii_quote(edges.first) && is_ascii_quote(edges.last)) return edges.first == edges.last;
  auto is_quote = [](char32_t code) { return is_ascii_quote(code) || is_typographic_quote(code); };
  return is_quote(edges.first) && is_quote(edges.last);
}

bool has_comment(std::string_view value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool begins_comment = value[i] == '#' || value[i] == ';';
    if (begins_comment && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t')) return true;
  }
  return false;
}

// $NAME, ${NAME} or $(COMMAND).
bool has_expansion(std::string_view value) {
  for (std::size_t at = value.find('$'); at != std::string_view::npos; at = value.find('$', at + 1)) {
    char next = at + 1 < value.size() ? value[at + 1] : ' ';
    if (next == '{' || next == '(' || next == '_' || is_ascii_letter(next)) return true;
  }
  return false;
}

}  // namespace

std::string code_point(char32_t code) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "U+%04X", static_cast<unsigned>(code));
  return text.data();
}

std::string value_fault(std::string_view value) {
  const Edges edges = edges_of(value);
  if (is_quoted(edges)) return "quotes would become part of the value: leave them out";
  if (value.starts_with('~')) return "'~' is not replaced by a home directory: write the whole path";
  if (has_expansion(value)) return "variables and commands ('$') are not replaced: write the value itself";
  if (std::count(value.begin(), value.end(), '`') > 1)
    return "backticks would become part of the value, no command is run: write the value itself";
  if (has_comment(value))
    return "a comment behind a value would become part of it: give the comment a line of its own";
  if (value.ends_with('\\'))
    return "a backslash at its end would become part of it and does not continue the line: write the value "
           "in "
           "one line";
  if (is_wide_blank(edges.first) || is_wide_blank(edges.last))
    return "a blank at its edge that is no space or tab (" +
           code_point(is_wide_blank(edges.first) ? edges.first : edges.last) +
           ") would become part of it: remove it";
  return {};
}

}  // namespace paxect::host
