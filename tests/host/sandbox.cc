#include "host/sandbox.h"

#include <sys/stat.h>

#include <algorithm>
#include <sstream>

#include "support/catch.h"

namespace paxect::test {

Sandbox::Sandbox() {
  REQUIRE(mkdir(plugin_directory().c_str(), 0755) == 0);
  REQUIRE(chmod(plugin_directory().c_str(), 0755) == 0);
  add_plugin("recorder");
}

std::string Sandbox::add_plugin(const std::string& name, const std::string& as) {
  std::string path = plugin_directory() + "/" + (as.empty() ? name : as) + ".so";
  write_file(path, read_file(std::string(PAXECT_TEST_MODULES) + "/" + name + ".so"));
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  return path;
}

std::string Sandbox::recorder(const std::string& section, const std::string& keys) const {
  return "[" + section + "]\nplugin = recorder\njournal = " + journal() + "\n" + keys + "\n";
}

std::vector<std::string> Sandbox::journal_lines() const {
  std::vector<std::string> lines;
  if (!exists(journal())) return lines;
  std::istringstream in(read_file(journal()));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool Sandbox::journal_has(const std::string& line) const {
  std::vector<std::string> lines = journal_lines();
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

Command Sandbox::command(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment) const {
  Command result;
  result.argv = {std::string(PAXECT_TEST_BIN) + "/paxect"};
  result.argv.insert(result.argv.end(), arguments.begin(), arguments.end());
  result.environment = {"PAXECT_PLUGIN_DIR=" + plugin_directory()};
  for (const std::string& change : environment) {
    if (change.substr(0, change.find('=')) == "PAXECT_PLUGIN_DIR") result.environment.clear();
    result.environment.push_back(change);
  }
  result.directory = path();
  return result;
}

}  // namespace paxect::test
