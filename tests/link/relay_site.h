// The real host with the real plugin in a directory, a producer and a receiver: for tests of what survives.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {

// Whether the long versions of the fault tests were asked for: PAXECT_TEST_LONG=1.
bool is_long();

// Whether strace can hold up programs and make their calls fail here; tells when it cannot.
bool has_strace();

// Whether bindfs can mount here; otherwise ctest reports the case as skipped.
bool has_bindfs();

class RelaySite {
 public:
  // In a directory of its own, or in an existing one.
  RelaySite();
  explicit RelaySite(const std::string& directory);

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // The command line of the relay: fast to settle and to try again.
  std::vector<std::string> relay(const std::vector<std::string>& more = {}) const;
  // The same to run, in the site's directory, with `wrap` before it.
  Command command(const std::vector<std::string>& more = {}, const std::vector<std::string>& wrap = {}) const;
  // System calls that no relay of this site is granted.
  std::vector<FailingCall> failing;

  // Renames STEM.txt into the inbox; durably if asked to.
  void put(const std::string& stem, const std::string& contents, bool durable = false) {
    put_as(stem, ".txt", contents, durable);
  }
  // Several may have one stem: all but one of them are to come out under a conflict name.
  void put_as(const std::string& stem, const std::string& suffix, const std::string& contents,
              bool durable = false);
  // Notes a file as put that came to the inbox on another way.
  void expect(const std::string& stem, const std::string& contents);
  // Checks every file that has its final name: one that was put, and whole. Takes it away if asked to, and
  // counts it.
  void receive(bool take);
  // All lines of the audit log, rotated parts first.
  std::string log() const;
  // Started again, and again while something is pending, the relay must bring everything to an end: each file
  // delivered once, whatever the receiver took before, nothing left over, a line for each in the log. `wrap`
  // comes before the relay's command line.
  void converges(bool take = true, const std::vector<std::string>& wrap = {});

 private:
  using Key = std::pair<std::string, std::string>;  // stem and SHA-256
  TempDir own_;
  std::string directory_;
  std::map<Key, int> taken_;  // how often; one for each that was put
};

}  // namespace paxect::test
