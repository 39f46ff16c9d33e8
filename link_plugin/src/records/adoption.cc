#include "records/adoption.h"

#include <map>
#include <sstream>

#include "base/filesystem.h"

namespace paxect::link {
namespace {

constexpr std::size_t kLimit = 4096;

std::map<std::string, std::string> read_all(const std::string& path) {
  std::map<std::string, std::string> tokens;
  std::string text;
  if (!read_small_file(path, kLimit, &text).ok()) return tokens;
  std::istringstream lines(text);
  for (std::string role, token; lines >> role >> token;) tokens[role] = token;
  return tokens;
}

}  // namespace

std::string adopted(const std::string& path, const std::string& role) {
  const auto tokens = read_all(path);
  auto found = tokens.find(role);
  return found == tokens.end() ? "" : found->second;
}

Status adopt(const std::string& path, const std::string& role, const std::string& token) {
  auto tokens = read_all(path);
  tokens[role] = token;
  if (token.empty()) tokens.erase(role);
  std::string text;
  for (const auto& [each, its] : tokens) text += each + " " + its + "\n";
  return replace_file(path, text);
}

}  // namespace paxect::link
