// The real host with the real plugin in a directory, a producer and a receiver: for tests of what survives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace paxect::test {

// Whether the long versions of the fault tests were asked for: PAXECT_TEST_LONG=1.
bool is_long();

class RelaySite {
 public:
  // In a directory of its own, or in an existing one.
  RelaySite();
  explicit RelaySite(const std::string& directory);

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // The command line of the relay: fast to settle and to try again.
  std::vector<std::string> relay(const std::vector<std::string>& more = {}) const;

  // Renames STEM.txt into the inbox; durably if asked to.
  void put(const std::string& stem, const std::string& contents, bool durable = false);
  // Checks every file that has its final name: one that was put, and whole. Takes it away if asked to, and
  // counts it.
  void receive(bool take);
  // Started again, and again while something is pending, the relay must bring everything to an end: each file
  // delivered once, whatever the receiver took before, nothing left over, a line for each in the log. `wrap`
  // comes before the relay's command line.
  void converges(bool take = true, const std::vector<std::string>& wrap = {});

 private:
  TempDir own_;
  std::string directory_;
  std::map<std::string, std::string> expected_;  // by name in the outbox
  std::map<std::string, int> taken_;
};

}  // namespace paxect::test
