#include "names.h"

#include <algorithm>

namespace paxect::host {
namespace {

constexpr std::size_t kLongestName = 64;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_word(char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_'; }
bool fits(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && is_lower(name.front());
}

}  // namespace

bool is_instance_name(std::string_view name) {
  return fits(name) && std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '-'; });
}

bool is_key(std::string_view key) { return fits(key) && std::all_of(key.begin(), key.end(), is_word); }

std::string upper(std::string_view name) {
  std::string result(name);
  for (char& c : result)
    if (is_lower(c)) c = static_cast<char>(c - 'a' + 'A');
  return result;
}

std::string variable_part(std::string_view name) {
  std::string result = upper(name);
  std::replace(result.begin(), result.end(), '-', '_');
  return result;
}

}  // namespace paxect::host
