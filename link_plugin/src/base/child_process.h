// Another program, run to its end without a shell.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace paxect::link {

struct Child {
  std::vector<std::string> words;                         // words[0] is a path, or looked up in PATH
  std::function<bool()> stop{};                           // whether to end it before its time
  std::uint64_t limit_ns = 0;                             // how long it may take; 0: without end
  int stop_signal = SIGKILL;                              // what ends it then; one that stays on is killed
  std::optional<std::vector<std::string>> environment{};  // NAME=VALUE; none: ours
};

struct ChildEnd {
  bool stopped = false;  // because `stop` said so
  bool late = false;     // it took longer than it may
  int status = 0;        // exit status, or 128 + signal
  std::string said;      // the end of what it wrote to standard error
};

// Its standard input and output are /dev/null, its signals the default ones. It gets a process group of its
// own. What it started and left running ends with it, and all of it ends with this process, however that ends
// (guarded_process.h). Returns when it has ended, or two seconds after SIGKILL could not end it; fails when
// it could not be started.
Status run_child(const Child& child, ChildEnd* end);

}  // namespace paxect::link
