// A trial run of all that a relay is made of, on files of its own in a directory of its own.
//
// Nothing is simulated: the core is the one of the settings, and the relay is a `paxect run` in a
// process of its own, which loads this plugin as any other would. That checks module, settings, disk,
// core and exit status together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/host.h"
#include "commands/junit.h"
#include "settings/link_config.h"

namespace paxect::link {

struct SmokePlan {
  std::string parent;  // the directory to work in; nothing stays in it
  std::string node;    // the relay's
  ExternalCore core;
  std::string host_program;  // the binary of the host, and where it finds this plugin
  std::string plugin_directory;
  std::uint64_t patience_ns = 0;  // for each program that is started; then it is ended
};

inline constexpr const char* kSmokeCases[] = {"core_encode_decode", "link_relay_decoded"};

// One outcome for each of kSmokeCases. Time is the host's.
std::vector<TestCase> run_smoke(const SmokePlan& plan, const Host& host);

}  // namespace paxect::link
