#include "relay/kept_files.h"

#include <memory>

#include "base/place_marker.h"
#include "base/relay_paths.h"

namespace paxect::link {

bool is_source_gone(const Directory& inbox, const std::string& token, const SentEntry& entry) {
  if (token.empty() || entry.place != token) return false;
  const std::size_t slash = entry.source.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : entry.source.substr(0, slash);
  Directory folder;
  if (!inbox.open_below(parent, false, &folder).ok() || folder.device() != inbox.device()) return false;
  return folder.stat_of(std::string(base_name(entry.source))).kind == FileKind::kMissing;
}

IsGone gone_from(const std::string& inbox) {
  const auto directory = std::make_shared<Directory>();
  std::string token;
  if (!Directory::open(inbox, directory.get()).ok() || !read_marker(*directory, &token).ok()) token.clear();
  return [directory, token](const SentEntry& entry) { return is_source_gone(*directory, token, entry); };
}

}  // namespace paxect::link
