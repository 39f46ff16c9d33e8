// Whether an external core can work at all. Asked when it failed on a file: a core that is not there, or that
// fails on everything, is no fault of the file.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "settings/link_config.h"

namespace paxect::link {

// Has the core encode or decode (`verb`) a small sample in a directory of its own below the system's
// directory for temporary files, and success is when the built-in core agrees with what came of it. Failures
// are those of run_external_core.
Status probe_core(const ExternalCore& core, const std::string& verb, const std::string& event,
                  const std::function<bool()>& stop);

}  // namespace paxect::link
