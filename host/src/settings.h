// The value of each key and where it comes from, by precedence: command line, environment, file.
//
// The environment is read once, at the start: a later setenv changes nothing. An environment variable set to
// the empty string counts as not set, so that `VARIABLE= paxect run` removes a setting; an empty value in the
// file or after --set is a value.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "command_line.h"
#include "config_file.h"
#include "status.h"

namespace paxect::host {

// The variables named PAXECT_*, empty ones left out.
using Environment = std::map<std::string, std::string>;
Environment read_environment(const char* const* variables);

// The settings of one instance. Constant once built, so any thread may read them.
class InstanceSettings {
 public:
  struct Value {
    std::string text;
    std::int32_t origin;  // PAXECT_ORIGIN_*
    std::string place;    // "paxect.conf:12", "PAXECT_LINK_MODE", "--set link.mode"
  };

  explicit InstanceSettings(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  // The value that takes precedence, or null.
  const Value* find(std::string_view key) const;
  // The keys in the file or on the command line, sorted, without the host's own `plugin`.
  const std::vector<std::string>& keys() const { return keys_; }
  // The name of the module: the key `plugin`, or the section's name.
  std::string plugin() const;

  // The environment variable of a key.
  std::string variable_of(std::string_view key) const;
  // The variables that belong to this section, and those named PAXECT_* that belong to none. Sorted.
  std::vector<std::string> variables() const;
  const std::vector<std::string>& foreign_variables() const { return foreign_variables_; }

 private:
  friend class ConfigurationBuilder;

  std::string name_;
  std::vector<std::string> keys_;
  std::map<std::string, Value, std::less<>> values_;       // command line and file, by key
  std::map<std::string, Value, std::less<>> environment_;  // by what follows PAXECT_SECTION_
  std::vector<std::string> foreign_variables_;
};

struct Configuration {
  std::string file;              // for messages; empty when there is none
  std::string plugin_directory;  // absolute; empty: the one beside the binary
  std::vector<InstanceSettings> instances;
  std::vector<std::string> foreign_variables;  // named PAXECT_* that belong to no section; sorted
};

// Combines the three sources. Fails with status 64 for --set of a section that does not exist, with 78 for a
// fault of the file. `out->instances` may be empty.
Status configure(const CommandLine& command_line, const Environment& environment, const ConfigFile& file,
                 Configuration* out);
// The same with the file that the command line names, or the one in the working directory; `stop` as in
// read_config().
Status read_configuration(const CommandLine& command_line, const Environment& environment,
                          const StopRequest* stop, Configuration* out);

}  // namespace paxect::host
