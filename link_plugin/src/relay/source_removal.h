// Removes the sources of what was delivered, or remembers them where they stay; ends removals that a crash or
// a failure broke off; and remembers which folders have to be flushed before the journal may forget.
//
// Not for two threads at a time.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/removal.h"
#include "base/tree.h"
#include "records/journal.h"
#include "relay/failures.h"
#include "relay/transfer.h"

namespace paxect::link {

class SourceRemoval {
 public:
  // Receives each source that could not be removed.
  using Failed = std::function<void(const Candidate& source, const Status& status)>;
  // Whether events show that somebody has the file of this path in the inbox open. For several threads.
  using PathMayBeOpen = std::function<bool(const std::string& path)>;

  // `stop` ends the reading of a source whose content has to be compared.
  SourceRemoval(Tree* inbox, Journal* journal, Stop stop, PathMayBeOpen may_be_open, Returned returned,
                Failed failed)
      : inbox_(*inbox),
        journal_(*journal),
        stop_(std::move(stop)),
        may_be_open_(std::move(may_be_open)),
        returned_(std::move(returned)),
        failed_(std::move(failed)) {}

  // The sources of transfers whose products are durable under their names.
  void remove(std::span<const Transfer* const> delivered);
  // The same sources where the policy keeps them: they are not to be delivered again.
  void keep(std::span<const Transfer* const> delivered);
  // A source that the journal knows as done.
  void remove_done(const Candidate& source);

  // After a restart: sources that were delivered and whose removal may have been broken off. What cannot be
  // done now is left to the scans. kStopped between two of them when a stop is asked for.
  Status recover(std::span<const std::pair<std::string, SourceRecord>> sources);
  // A file with a hidden name while no removal is under way: removed if the journal knows it as done, else
  // given its name back.
  Status end_removal(const Directory& folder, const std::string& relative, const std::string& tombstone,
                     const std::string& name);

  // A source may have gone from this folder.
  void note_folder(const std::string& relative) { folders_.insert(relative); }
  // Makes every removal so far durable.
  Status flush();

 private:
  using Content = Transfer::Content;
  MayBeOpen events_of(const Candidate& source) const;
  SourceRecord record_of(const Directory& folder, const FileIdentity& identity, const Content& content) const;
  void note_removal(const Directory& folder, const Candidate& source, const Content& content,
                    const Status& status);
  void remember_tombstone(const Directory& folder, const std::string& path, const SourceRecord& record);

  Tree& inbox_;
  Journal& journal_;
  Stop stop_;
  PathMayBeOpen may_be_open_;
  Returned returned_;
  Failed failed_;
  std::set<std::string> folders_;  // that sources went from since the last flush()
};

}  // namespace paxect::link
