// Whether sources that stay for receipts are still in the inbox.
#pragma once

#include <functional>
#include <string>

#include "base/filesystem.h"
#include "records/journal_format.h"
#include "records/sent_stream.h"
#include "settings/link_config.h"

namespace paxect::link {

using IsGone = std::function<bool(const SentEntry& entry)>;

// Whether the source is seen to be gone from the inbox, whose token this is; `done` has what is known of
// sources. An inbox that is another place now, and a folder that cannot be opened, or is on a file system
// that it was not on, show nothing.
bool is_source_gone(const Directory& inbox, const std::string& token, const SourceTable& done,
                    const SentEntry& entry);

// The same for commands, which find the inbox under its path. One that is not the place that the journal
// knows, such as a copy of it below its mount, shows nothing. The journal must exist for as long.
IsGone gone_from(const LinkConfig& config, const JournalContents& journal);

}  // namespace paxect::link
