// What the service paxect.sections/1 reports: the sections of this run, and the command line of a program
// that reads the same configuration.
//
// Constant once built, so any thread may read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command_line.h"
#include "settings.h"

namespace paxect::host {

class Sections {
 public:
  Sections() = default;
  // `program` is the path of `paxect`; empty when it is not known.
  Sections(const std::string& program, const CommandLine& command_line, const Configuration& configuration);
  Sections(const Sections&) = delete;  // pointers_ refers to words_
  Sections& operator=(const Sections&) = delete;
  Sections(Sections&&) = default;
  Sections& operator=(Sections&&) = default;

  // Null past the last.
  const char* name_at(std::uint32_t index) const;
  // Ends with a null pointer; null when the path of the program is not known.
  const char* const* command_line() const;

 private:
  std::vector<std::string> names_;
  std::vector<std::string> words_;
  std::vector<const char*> pointers_;
};

// The path of the running program; empty where /proc does not say it.
std::string path_of_program();

}  // namespace paxect::host
