#include "relay/kept_files.h"

#include <memory>

#include "base/place.h"
#include "base/relay_paths.h"
#include "records/journal.h"
#include "records/place_match.h"

namespace paxect::link {

bool is_source_gone(const Directory& inbox, const std::string& token, const SourceTable& done,
                    const SentEntry& entry) {
  if (token.empty() || entry.place != token) return false;
  const SourceRecord* record = done.find(entry.place, entry.source);
  const bool is_nested = record != nullptr && record->nested;
  Directory folder;
  Status status = inbox.open_below(folder_of(entry.source), false, &folder);
  if (!status.ok()) return status.fault == Fault::kGone && !is_nested;
  // Where a file system was mounted, or is now, nothing shows what is on the other one.
  if ((folder.device() != inbox.device()) != is_nested) return false;
  return folder.stat_of(std::string(base_name(entry.source))).kind == FileKind::kMissing;
}

IsGone gone_from(const LinkConfig& config, const JournalContents& journal) {
  PlaceObservation observed;
  std::string token;
  const KnownPlace* known = current_place(journal.places, "inbox", config.inbox);
  if (known != nullptr && PlaceFinder(directory_name(config.state)).observe(config.inbox, &observed).ok()) {
    const PlaceMatch match = match_place(*known, observed);
    if (match == PlaceMatch::kSame || match == PlaceMatch::kSameUnmarked) token = known->token;
  }
  return [directory = observed.directory, token, &journal](const SentEntry& entry) {
    return !token.empty() && is_source_gone(*directory, token, journal.done, entry);
  };
}

}  // namespace paxect::link
