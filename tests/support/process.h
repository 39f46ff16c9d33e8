// Runs a program and collects what it prints.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace paxect::test {

// A system call that fails whenever it is made.
struct FailingCall {
  long number;  // SYS_...
  int error;
};

struct Command {
  std::vector<std::string> argv;              // argv[0] is a path, or looked up in PATH
  std::vector<std::string> environment = {};  // NAME=VALUE, over the test's own; NAME alone removes it
  std::string input = {};                     // standard input
  std::string directory = {};                 // working directory; empty: the test's
  std::chrono::seconds timeout{120};          // then it is killed, and the test fails
  int error_fd = -1;  // what it gets as stderr, such as a terminal; -1: a pipe that is collected
  bool nonblocking_output = false;        // stdout and stderr are non-blocking pipes that hold 4 KiB
  bool no_tmpfile = false;                // like a file system without O_TMPFILE
  std::vector<FailingCall> failing = {};  // for it and all its descendants
};

struct Result {
  int status;  // exit status, or 128 + signal
  std::string output;
  std::string error;
};

Result run(const Command& command);

// A program that runs in the background; killed at the end of the scope if it still runs.
class Background {
 public:
  explicit Background(const Command& command);  // input is ignored: standard input is /dev/null
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void signal(int number) const;
  pid_t pid() const { return pid_; }
  // Waits until it exits; fails the test after the command's timeout.
  Result wait();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  int error_ = -1;
  std::chrono::seconds timeout_;
};

// Evaluates a condition repeatedly until it holds; false when it did not within the time.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace paxect::test
