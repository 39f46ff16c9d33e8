// A relay in a directory of its own, driven by hand through a fake host.
#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/fake_host.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {

// One line of the audit log.
struct LogEntry {
  std::string line;  // as it stands
  std::string event, source, target, status, message, level;
};

// The lines of a log; fails the test at one that is not a JSON object with all the fields.
std::vector<LogEntry> read_log(const std::string& path);

class LinkRig {
 public:
  LinkRig();

  TempDir directory;
  FakeHost host;
  std::unique_ptr<PluginDriver> link;

  std::string inbox(const std::string& name = "") const { return directory / ("inbox/" + name); }
  std::string outbox(const std::string& name = "") const { return directory / ("outbox/" + name); }
  std::string policy() const { return directory / "policy.json"; }
  std::string log_path() const { return directory / "log.jsonl"; }
  std::string lock() const { return directory / "lock"; }

  void put(const std::string& name, const std::string& contents) { write_file(inbox(name), contents); }
  // A file of this size without any data on the disk.
  void put_sparse(const std::string& name, std::uint64_t size);
  // The same by a writer that does not close the file: nothing says that it is complete.
  void put_unclosed(const std::string& name, const std::string& contents);
  void close_writers() { writers_.clear(); }
  // Writes a policy with these further keys, such as "\"auto_delete\": false".
  void write_policy(const std::string& keys);

  // A fresh instance, initialised and started; both must succeed.
  void start();
  void stop() { link.reset(); }
  // Blocks until a large file that the relay has in hand is written; false when it has none.
  bool wait_for_lane() const;
  // Steps until nothing is ready any more, moving the clock on over waits, in all by at most `patience_ns`.
  // The clock stands still while a large file is in hand.
  void settle(std::uint64_t patience_ns = 1'000'000'000);
  // One whole run with --once; what it ended with.
  int run_once();
  // Path of the temporary file of a delivery: the relay has started at least once.
  std::string temporary(const std::string& folder, std::uint64_t id) const;

  std::vector<LogEntry> log() const { return read_log(log_path()); }
  std::vector<LogEntry> events(const std::string& event) const;
  // Names in the inbox without the hidden ones.
  std::vector<std::string> waiting() const;
  std::vector<std::string> delivered() const { return list(outbox()); }

 private:
  std::vector<std::ofstream> writers_;
};

// The data as a container, made by a relay in send mode.
std::string container_of(const std::string& data);

}  // namespace paxect::test
