#include "proof/node_key.h"

#include <algorithm>

#include "proof/statement.h"

namespace paxect::link {
namespace {

constexpr std::string_view kRetiredLine = "retired ";
constexpr std::size_t kStreamSize = 16;
constexpr std::size_t kMaxStreams = 256;

}  // namespace

std::uint64_t NodeKey::last_of(std::string_view stream) const {
  if (is_revoked) return 0;
  if (!last) return UINT64_MAX;
  const auto found = last->find(std::string(stream));
  return found == last->end() ? 0 : found->second;
}

std::vector<PublicKey> keys_for(const std::vector<NodeKey>& keys, std::string_view node,
                                std::string_view stream, std::uint64_t number) {
  std::vector<PublicKey> found;
  for (const NodeKey& each : keys)
    if (each.node == node && each.last_of(stream) >= number) found.push_back(each.key);
  return found;
}

Status parse_retired_key(std::string_view text, PublicKey* key, LastStatements* last) {
  std::size_t end = text.find('\n');
  if (end != std::string_view::npos) end = text.find('\n', end + 1);
  const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
  PublicKey found;
  if (Status status = parse_public_key(text.substr(0, size), &found); !status.ok()) return status;
  LastStatements lines;
  std::string_view rest = text.substr(size);
  for (std::size_t number = 3; !rest.empty(); ++number) {
    const std::size_t line = std::min(rest.find('\n'), rest.size());
    std::string_view words = rest.substr(0, line);
    std::uint64_t statement = 0;
    const bool is_line =
        words.starts_with(kRetiredLine) && words.size() > kRetiredLine.size() + kStreamSize + 1;
    if (is_line) words.remove_prefix(kRetiredLine.size());
    const std::string stream(words.substr(0, kStreamSize));
    if (!is_line || !is_stream(stream) || words[kStreamSize] != ' ' ||
        !parse_number(words.substr(kStreamSize + 1), 0, kMaxNumber, &statement) ||
        !lines.try_emplace(stream, statement).second || lines.size() > kMaxStreams)
      return Status::invalid("line " + std::to_string(number) + ": not 'retired STREAM NUMBER'");
    rest.remove_prefix(std::min(line + 1, rest.size()));
  }
  if (retired_key_text(found, lines) != text)
    return Status::invalid("its lines are not sorted, or the last one has no end: retire the key again");
  *key = found;
  *last = std::move(lines);
  return Status::success();
}

std::string retired_key_text(const PublicKey& key, const LastStatements& last) {
  std::string text = public_key_text(key);
  for (const auto& [stream, number] : last)
    text += std::string(kRetiredLine) + stream + " " + std::to_string(number) + "\n";
  return text;
}

}  // namespace paxect::link
