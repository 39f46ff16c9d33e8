#include "device_wait.h"

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <fstream>
#include <set>

namespace paxect::host {
namespace {

constexpr std::size_t kMaxThreadName = 15;

// The names of all threads of this process that are in uninterruptible sleep.
std::vector<std::string> held_threads() {
  std::vector<std::string> names;
  boost::system::error_code error;
  for (boost::filesystem::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    std::ifstream file((task->path() / "stat").string());
    std::string text;
    std::getline(file, text);
    // "PID (NAME) STATE ...", and a name may hold anything.
    std::size_t begin = text.find('(');
    std::size_t end_of_name = text.rfind(") ");
    if (begin == std::string::npos || end_of_name == std::string::npos || end_of_name + 2 >= text.size())
      continue;
    if (text[end_of_name + 2] == 'D') names.push_back(text.substr(begin + 1, end_of_name - begin - 1));
  }
  return names;
}

}  // namespace

DeviceWait::DeviceWait(const std::vector<std::string>& instances) {
  std::set<std::string> taken;
  for (const std::string& instance : instances) {
    std::string name = instance.substr(0, kMaxThreadName);
    if (!taken.insert(name).second) {
      const std::string number = "~" + std::to_string(names_.size());
      name = instance.substr(0, kMaxThreadName - number.size()) + number;
      taken.insert(name);
    }
    names_.push_back(name);
  }
}

bool DeviceWait::holds(std::size_t index) const {
  const std::vector<std::string> held = held_threads();
  return std::any_of(held.begin(), held.end(), [&](const std::string& name) {
    return name == names_[index] || std::find(names_.begin(), names_.end(), name) == names_.end();
  });
}

}  // namespace paxect::host
