// What happened to files: one JSON object a line in the file `log`, and counters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host.h"
#include "messages.h"

namespace paxect::carrier {

class EventLog {
 public:
  // `path` may be empty: nothing is written.
  EventLog(const Host& host, std::string path) : host_(host), path_(std::move(path)) {}

  // A line about a file. A failure to write it is reported once: the log is no record that anything depends
  // on.
  void write(std::string_view event, const Job& job, std::string_view peer, std::string_view reason = "");

 private:
  const Host& host_;
  std::string path_;
  bool reported_ = false;
};

std::string utc_text(std::int64_t utc_ns);

}  // namespace paxect::carrier
