// What an instance reports of itself: STATE/status.json for the commands, and the file of metrics.
#pragma once

#include <cstdint>
#include <string>

#include "connection.h"
#include "host.h"
#include "receiver.h"
#include "sender.h"
#include "settings.h"
#include "state_directory.h"

namespace paxect::carrier {

class Reporter {
 public:
  Reporter(const Host& host, const Settings& settings, const StateDirectory& state)
      : host_(host), settings_(settings), state_(state) {}

  // Writes both at most once a second, and only when something has changed. One of the two is null. Without a
  // flush: nothing depends on them.
  void write(const Connection& connection, const Sender* sender, const Receiver* receiver);
  // The same at once.
  void write_now(const Connection& connection, const Sender* sender, const Receiver* receiver);

 private:
  void replace(const std::string& path, const std::string& text);

  const Host& host_;
  const Settings& settings_;
  const StateDirectory& state_;
  std::string last_;
  std::uint64_t next_ns_ = 0;
  bool reported_ = false;
};

// The metrics in the text format of Prometheus.
std::string metrics_text(const std::string& section, const Connection& connection, const Sender* sender,
                         const Receiver* receiver);

}  // namespace paxect::carrier
