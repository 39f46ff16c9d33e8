// What an instance reports of itself: STATE/status.json for the commands, and the file of metrics.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>

#include "connection.h"
#include "host.h"
#include "receiver.h"
#include "sender.h"
#include "settings.h"
#include "state_directory.h"
#include "status.h"

namespace paxect::carrier {

// Of files, in a report.
inline constexpr std::size_t kMaxReportedNames = 1000;

// Fails when the path has something that is not a regular file, also a symbolic link: a report replaces what
// is there.
Status check_metrics_file(const Host& host, const std::string& path);

class Reporter {
 public:
  Reporter(const Host& host, const Settings& settings, const StateDirectory& state)
      : host_(host), settings_(settings), state_(state) {}

  // Writes both at most once a second when something has changed, and the metrics every five seconds, since
  // they have the time. One of sender and receiver is null. Without a flush: nothing depends on them.
  void write(const Connection& connection, const Sender* sender, const Receiver* receiver);
  // The same at once; the last one of an instance is with running = false.
  void write_now(const Connection& connection, const Sender* sender, const Receiver* receiver, bool running);

 private:
  void replace(const std::string& path, const std::string& text, mode_t mode);

  const Host& host_;
  const Settings& settings_;
  const StateDirectory& state_;
  std::string last_;
  std::uint64_t next_ns_ = 0;
  std::uint64_t next_status_ns_ = 0;
  std::uint64_t next_metrics_ns_ = 0;
  std::set<std::string> reported_;  // paths that could not be written
};

}  // namespace paxect::carrier
