// Which instance has claimed which resource, so that two sections of one run do not work on the same one.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace paxect::host {

// Any thread.
class Claims {
 public:
  // Gives `resource` to the instance until the end of the run. Returns the name of the instance that has it
  // already, or null. The name stays valid as long as this object.
  const std::string* claim(const std::string& resource, const std::string& instance);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> owners_;  // by resource
};

}  // namespace paxect::host
