// Which instances the kernel holds in a system call: in a flush to a slow stick, or by a server that does not
// answer.
//
// A thread inherits its name from the one that starts it. Every instance's thread has a name of its own, so
// that the threads that its plugin starts are attributed to it.
#pragma once

#include <string>
#include <vector>

namespace paxect::host {

class DeviceWait {
 public:
  explicit DeviceWait(const std::vector<std::string>& instances);

  // What the thread of an instance is to be named: the instance's name, as far as it fits and is the first
  // such name.
  const std::string& thread_name(std::size_t index) const { return names_[index]; }

  // Whether a thread of the instance is in uninterruptible sleep, or one that no instance's name is known
  // for. Without /proc the answer is no.
  bool holds(std::size_t index) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace paxect::host
