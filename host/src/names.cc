#include "names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace paxect::host {
namespace {

constexpr std::size_t kMaxName = 64;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_word(char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_'; }
bool fits(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && is_lower(name.front());
}

// Levenshtein's distance, one row of the table at a time.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, replaced}));
    }
  }
  return row.back();
}

}  // namespace

bool is_ascii_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

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

std::string list(const std::vector<std::string>& items) {
  constexpr std::size_t kMaxListed = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), kMaxListed); ++i)
    text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kMaxListed) text += " and " + std::to_string(items.size() - kMaxListed) + " more";
  return text;
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates, std::size_t limit) {
  std::string best;
  std::size_t best_distance = limit + 1;
  for (const std::string& candidate : candidates) {
    std::size_t distance = edit_distance(name, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace paxect::host
