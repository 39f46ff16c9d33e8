// `paxect link COMMAND`: what an operator wants to know and to do, whether the relay runs or not. Everything
// is read from the disk; no lock is taken and a running relay is not disturbed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host.h"
#include "link_config.h"

namespace paxect::link {

struct OperatorCommand {
  const char* name;
  const char* arguments;
  const char* summary;
};

const std::vector<OperatorCommand>& operator_commands();

// Runs one; `words` are its name and arguments. Output goes to `print`, a failure's line into `*error`.
paxect_plugin_status run_operator_command(const LinkConfig& config, const std::vector<std::string>& words,
                                          const std::function<void(const std::string&)>& print,
                                          std::string* error);

}  // namespace paxect::link
