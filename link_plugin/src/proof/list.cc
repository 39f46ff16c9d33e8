#include "proof/list.h"

#include <algorithm>
#include <utility>

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::string_view kKind = "list";
constexpr std::string_view kEnd = "# end";
constexpr std::string_view kAgain = "again";
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kMaxEntryName = 4095;
// As sha256sum writes names: a backslash before the digest says that the name has escapes.
constexpr std::pair<char, char> kEscapes[] = {{'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}};

std::string escaped(std::string_view name) {
  std::string text;
  for (char c : name) {
    const auto* found = std::find_if(std::begin(kEscapes), std::end(kEscapes),
                                     [&](const auto& escape) { return escape.first == c; });
    if (found == std::end(kEscapes))
      text += c;
    else
      text += {'\\', found->second};
  }
  return text;
}

bool unescape(std::string_view text, std::string* name) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      *name += text[i];
      continue;
    }
    if (++i == text.size()) return false;
    const auto* found = std::find_if(std::begin(kEscapes), std::end(kEscapes),
                                     [&](const auto& escape) { return escape.second == text[i]; });
    if (found == std::end(kEscapes)) return false;
    *name += found->first;
  }
  return true;
}

bool parse_entry(std::string_view line, ListEntry* out) {
  const bool is_escaped = line.starts_with('\\');
  if (is_escaped) line.remove_prefix(1);
  if (line.size() < kDigestDigits + 2 || !is_digest(line.substr(0, kDigestDigits)) ||
      line.substr(kDigestDigits, 2) != "  ")
    return false;
  out->digest = line.substr(0, kDigestDigits);
  line.remove_prefix(kDigestDigits + 2);
  if (!is_escaped)
    out->name = line;
  else if (!unescape(line, &out->name))
    return false;
  return is_entry_name(out->name) && is_escaped == (escaped(out->name) != out->name) &&
         (is_escaped || line.find('\r') == std::string_view::npos);
}

bool parse_again(std::string_view value, EarlierEntry* out) {
  const std::size_t end = value.find(' ');
  if (end == std::string_view::npos || !is_stream(value.substr(0, end))) return false;
  out->stream = value.substr(0, end);
  return parse_number(value.substr(end + 1), 1, kMaxNumber, &out->number);
}

Status read_entries(LineReader* reader, std::uint64_t count, List* out) {
  std::string_view line;
  for (std::uint64_t i = 0; i < count; ++i) {
    ListEntry entry;
    if (reader->has_field(kAgain)) {
      if (Status status = reader->field(kAgain, &line); !status.ok()) return status;
      if (!parse_again(line, &entry.again.emplace())) return reader->fail("not '# again STREAM NUMBER'");
    }
    if (Status status = reader->line(&line); !status.ok()) return status;
    if (!parse_entry(line, &entry))
      return reader->fail("not a SHA-256 and a relative path as sha256sum writes them");
    out->entries.push_back(std::move(entry));
  }
  if (Status status = reader->line(&line); !status.ok()) return status;
  if (line != kEnd) return reader->fail("not '" + std::string(kEnd) + "' after " + std::to_string(count));
  return reader->end();
}

}  // namespace

bool is_entry_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxEntryName || name.find('\0') != std::string_view::npos) return false;
  for (;;) {
    const std::size_t end = name.find('/');
    const std::string_view part = name.substr(0, end);
    if (part.empty() || part == "." || part == ".." || part.size() > kNameMax) return false;
    if (end == std::string_view::npos) return true;
    name.remove_prefix(end + 1);
  }
}

Status parse_list(std::string_view text, List* out) {
  if (text.size() > kMaxStatementSize) return Status::invalid("larger than 4 MiB");
  LineReader reader(text);
  List list;
  std::uint64_t count = 0;
  if (Status status = read_head(&reader, kKind, &list.head); !status.ok()) return status;
  if (Status status = reader.field("first", 1, kMaxNumber - kMaxListEntries, &list.first); !status.ok())
    return status;
  if (list.head.number == 1 && list.first != 1) return reader.fail("'first' of the first list is not 1");
  if (Status status = reader.field("count", 0, kMaxListEntries, &count); !status.ok()) return status;
  if (Status status = read_made(&reader, &list.head); !status.ok()) return status;
  if (Status status = reader.field("within", 1, kMaxWithin, &list.within); !status.ok()) return status;
  if (Status status = read_log_head(&reader, &list.head); !status.ok()) return status;
  if (Status status = read_entries(&reader, count, &list); !status.ok()) return status;
  if (list_text(list) != text) return Status::invalid("not in the form in which lists are written");
  *out = std::move(list);
  return Status::success();
}

std::string list_text(const List& list) {
  std::string text = head_text(kKind, list.head);
  text += field_text("first", std::to_string(list.first));
  text += field_text("count", std::to_string(list.entries.size()));
  text += made_text(list.head);
  text += field_text("within", std::to_string(list.within));
  text += log_head_text(list.head);
  for (const ListEntry& entry : list.entries) {
    const std::string name = escaped(entry.name);
    if (entry.again)
      text += field_text(kAgain, entry.again->stream + " " + std::to_string(entry.again->number));
    text += (name == entry.name ? "" : "\\") + entry.digest + "  " + name + "\n";
  }
  return text + std::string(kEnd) + "\n";
}

}  // namespace paxect::link
