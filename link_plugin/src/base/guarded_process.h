// A process with a guard: the guard is its parent, kills it when asked, and kills everything that it started
// once it has ended or this process is gone.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.h"

namespace paxect::link {

// The guard adopts orphans (PR_SET_CHILD_SUBREAPER), so that a program in a session of its own ends too. It
// reads them from /proc; without /proc it kills only the process group of the command. Not for use by several
// threads at once.
class GuardedProcess {
 public:
  GuardedProcess() = default;
  GuardedProcess(const GuardedProcess&) = delete;
  GuardedProcess& operator=(const GuardedProcess&) = delete;
  ~GuardedProcess();  // kills what is left, and waits for the guard

  // Runs words[0], a path or a name in PATH, in a process group of its own. Its standard input and output are
  // /dev/null, its standard error is `errors`, its signals the default ones. Both arrays end with a null
  // pointer. Returns 0 or the errno of the guard; a command that cannot be executed ends with `exec_error`.
  int begin(const std::vector<char*>& words, char* const* environment, int errors);

  // Readable when there is something for read_report().
  int descriptor() const { return socket_.get(); }
  void read_report();

  void send_signal(int number);  // to the process group of the command

  bool has_ended() const { return has_ended_; }
  int exec_error() const { return exec_error_; }  // the errno of execve(2), or 0
  int raw_status() const { return raw_status_; }  // of waitpid(2)

 private:
  UniqueFd socket_;  // to the guard, which ends when this end is closed
  pid_t guard_ = 0;
  bool has_ended_ = false;
  int exec_error_ = 0;
  int raw_status_ = 0;
};

}  // namespace paxect::link
