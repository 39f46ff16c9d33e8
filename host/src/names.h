// The names that the host accepts. All are ASCII, whatever the locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::host {

// Names of sections, which are instances, and of plugins: [a-z][a-z0-9_-]{0,63}. Never a path, never hidden.
bool is_instance_name(std::string_view name);
inline bool is_plugin_name(std::string_view name) { return is_instance_name(name); }
// Keys: [a-z][a-z0-9_]{0,63}.
bool is_key(std::string_view key);

bool is_ascii_letter(char c);

// A name as log prefixes and environment variables spell it: upper case; '-' as '_' in a variable.
std::string upper(std::string_view name);
std::string variable_part(std::string_view name);

// "a, b, c"; of many, the first ones and the number of the others.
std::string list(const std::vector<std::string>& items);

// The candidate that takes the fewest edits (a byte inserted, removed or replaced), at most `limit`; empty
// when there is none. Of several equally near ones, the first.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates, std::size_t limit);

}  // namespace paxect::host
