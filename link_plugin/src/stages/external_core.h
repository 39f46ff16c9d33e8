// A core that is another program, run as `COMMAND encode|decode -i INPUT -o OUTPUT`, without a shell.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"

namespace paxect::link {

// Runs it to its end; kills it when `stop` says so. Its exit statuses 2 and 4 mean a damaged container
// (kIntegrity), others that are not 0 that it could not do its work (kRefused); `event` is what those are
// logged under. What it writes to standard error ends up in the message.
Status run_external_core(const std::vector<std::string>& command, const std::string& verb,
                         const std::string& input, const std::string& output, const std::string& event,
                         const std::function<bool()>& stop);

}  // namespace paxect::link
