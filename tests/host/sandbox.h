// A place to run `paxect` in: a directory with a plugin directory, a configuration file and the journal of
// the recorder plugin (tests/plugins/recorder.cc).
#pragma once

#include <string>
#include <vector>

#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {

class Sandbox {
 public:
  Sandbox();  // with recorder.so in its plugin directory

  const std::string& path() const { return directory_.path(); }
  std::string operator/(const std::string& name) const { return directory_ / name; }
  std::string plugin_directory() const { return directory_ / "plugins"; }
  std::string config() const { return directory_ / "paxect.conf"; }
  std::string journal() const { return directory_ / "journal"; }

  // Copies a module of tests/plugins into the plugin directory, under its own or another name.
  std::string add_plugin(const std::string& name, const std::string& as = {});
  void write_config(const std::string& text) const { write_file(config(), text); }
  // A section of a recorder that writes to the journal.
  std::string recorder(const std::string& section, const std::string& keys = {}) const;
  std::vector<std::string> journal_lines() const;
  bool journal_has(const std::string& line) const;

  // `paxect ARGUMENTS...`, started in this directory with this plugin directory in the environment.
  Command command(const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment = {}) const;
  Result paxect(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment = {}) const {
    return run(command(arguments, environment));
  }

 private:
  TempDir directory_;
};

}  // namespace paxect::test
