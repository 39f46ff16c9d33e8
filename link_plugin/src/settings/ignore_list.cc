#include "settings/ignore_list.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "settings/setting_reader.h"

namespace paxect::link {
namespace {

constexpr int kFlags = FNM_CASEFOLD | FNM_NOESCAPE;

// Whether each '[' has its ']'; fnmatch() would compare it literally.
bool has_open_bracket(std::string_view pattern) {
  for (std::size_t at = pattern.find('['); at != std::string_view::npos; at = pattern.find('[', at)) {
    std::size_t first = at + 1;
    if (first < pattern.size() && (pattern[first] == '!' || pattern[first] == '^')) ++first;
    // A ']' that comes first is a member.
    std::size_t end = pattern.find(']', first + 1);
    if (end == std::string_view::npos) return true;
    at = end + 1;
  }
  return false;
}

std::string fault_of(const std::string& pattern) {
  if (pattern.empty()) return "an empty pattern matches nothing";
  if (pattern.find('/') != std::string::npos)
    return "patterns match names, not paths: leave out '/' and what is before it";
  if (has_open_bracket(pattern)) return "'[' without ']'";
  // No name of a file is like this one.
  if (fnmatch(pattern.c_str(), "\x01paxect\x01", kFlags) == 0) return "it matches every name";
  return "";
}

}  // namespace

const std::string_view kDefaultIgnore =
    "*.part *.partial *.filepart *.crdownload *.download *.opdownload *.tmp *.temp *.swp *~ ~$* lost+found "
    "#recycle "
    "@eaDir .snapshot $RECYCLE.BIN 'System Volume Information' Thumbs.db desktop.ini .DS_Store";

Status IgnoreList::parse(std::string_view line) {
  std::vector<std::string> patterns;
  if (!split_command(line, &patterns)) return Status::invalid("a quote is left open");
  for (const std::string& pattern : patterns)
    if (std::string fault = fault_of(pattern); !fault.empty())
      return Status::invalid("pattern '" + pattern + "': " + fault);
  patterns_ = std::move(patterns);
  return Status::success();
}

bool IgnoreList::matches(std::string_view name) const {
  const std::string text(name);
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), text.c_str(), kFlags) == 0;
  });
}

}  // namespace paxect::link
