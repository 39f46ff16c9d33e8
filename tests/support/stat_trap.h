// Replaces fstatat and statx in the programs that have stat_trap.cc among their files, and in the libraries
// that these load: they take the symbol of the program. A test does something right after a call for a name,
// as another program may.
#pragma once

#include <functional>
#include <string>

namespace paxect::test {

// `spring` is called once, right after the call number `call`, from 1 on, for a path that ends so.
class StatTrap {
 public:
  StatTrap(std::string end, int call, std::function<void()> spring);
  ~StatTrap();
  StatTrap(const StatTrap&) = delete;
  StatTrap& operator=(const StatTrap&) = delete;

  bool has_sprung() const;
};

}  // namespace paxect::test
