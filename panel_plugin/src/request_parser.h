// Parses the head of a request, by cpp-httplib.
//
// The only file that includes httplib.h is request_parser.cc. cpp-httplib gets a complete head of bounded
// size in memory, and neither a socket, nor a body, nor a response to write: version 0.11 has known
// weaknesses there (a thread for each connection that a slow client holds, unbounded chunked bodies and
// trailers, line ends in response headers).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "http_message.h"

namespace paxect::panel {

constexpr std::size_t kMaxHead = 8 * 1024;
constexpr std::size_t kMaxBody = 64 * 1024;

class RequestParser {
 public:
  RequestParser();
  ~RequestParser();

  // Parses the head, which ends with an empty line. Returns 200 and stores in *body_size how many bytes
  // follow, or the HTTP status that refuses it.
  int parse(const std::string& head, Request* out, std::size_t* body_size);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace paxect::panel
