// The audit log, as somebody sees it who has the head that a list or a receipt states.
#pragma once

#include <string>

#include "proof/log_chain.h"
#include "support/files.h"

namespace paxect::test {

// The line of the log with this head; "" where there is none.
inline std::string line_with(const std::string& log, const link::LogHead& head) {
  const std::string text = read_file(log);
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = text.substr(begin, end - begin);
    if (link::LogHead stated; link::read_chain(line, &stated) && stated == head) return line;
  }
  return "";
}

// The number of the first line with this event about a file of that name; 0 where there is none.
inline std::uint64_t line_of_event(const std::string& log, const std::string& event,
                                   const std::string& name) {
  const std::string text = read_file(log);
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = text.substr(begin, end - begin);
    link::LogHead stated;
    if (line.find("\"event\": \"" + event + "\"") != std::string::npos &&
        line.find("/" + name + "\"") != std::string::npos && link::read_chain(line, &stated))
      return stated.lines;
  }
  return 0;
}

}  // namespace paxect::test
