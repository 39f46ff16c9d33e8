#include "sections.h"

#include <unistd.h>

#include <array>
#include <climits>

namespace paxect::host {

Sections::Sections(const std::string& program, const CommandLine& command_line,
                   const Configuration& configuration) {
  for (const InstanceSettings& settings : configuration.instances) names_.push_back(settings.name());
  if (program.empty()) return;
  words_ = {program};
  if (command_line.config_path) words_.insert(words_.end(), {"--config", *command_line.config_path});
  if (command_line.plugin_directory)
    words_.insert(words_.end(), {"--plugin-dir", *command_line.plugin_directory});
  for (const Override& each : command_line.overrides)
    words_.insert(words_.end(), {"--set", each.section + "." + each.key + "=" + each.value});
  for (const std::string& word : words_) pointers_.push_back(word.c_str());
  pointers_.push_back(nullptr);
}

const char* Sections::name_at(std::uint32_t index) const {
  return index < names_.size() ? names_[index].c_str() : nullptr;
}

const char* const* Sections::command_line() const { return pointers_.empty() ? nullptr : pointers_.data(); }

std::string path_of_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 && size < PATH_MAX ? std::string(path.data(), static_cast<std::size_t>(size)) : "";
}

}  // namespace paxect::host
