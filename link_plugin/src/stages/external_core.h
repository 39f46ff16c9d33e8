// A core that is another program, run as `COMMAND encode|decode -i INPUT -o OUTPUT`, without a shell.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "settings/link_config.h"

namespace paxect::link {

struct CoreRun {
  const ExternalCore& core;
  std::string verb;  // encode or decode
  std::string input;
  std::string output;
  std::uint64_t input_size = 0;
  std::string event;  // what its failures are logged under
  std::function<bool()> stop;
};

// Runs it to its end; kills it, and what it started, when `stop` says so (kStopped) or its time is over
// (kRefused). Its exit statuses 2 and 4 mean a damaged container (kIntegrity), others that are not 0 that it
// could not do its work (kRefused). It gets our environment without the relay's settings, keys and
// credentials, and not those of the service manager. What it writes to standard error ends up in the message.
Status run_external_core(const CoreRun& run);

}  // namespace paxect::link
