// Whether sources that stay for receipts are still in the inbox.
#pragma once

#include <functional>
#include <string>

#include "base/filesystem.h"
#include "records/sent_stream.h"

namespace paxect::link {

using IsGone = std::function<bool(const SentEntry& entry)>;

// Whether the source is seen to be gone from the inbox, whose token this is. An inbox that is another place
// now, and a folder that cannot be opened or is on another file system, show nothing.
bool is_source_gone(const Directory& inbox, const std::string& token, const SentEntry& entry);

// The same for commands, which find the inbox under its path. One that has no marker shows nothing.
IsGone gone_from(const std::string& inbox);

}  // namespace paxect::link
