// A request, parsed, and a response, formatted. Plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paxect::panel {

struct Request {
  std::string method;
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded; the first of each name
  std::string body;
  // Headers, empty when missing.
  std::string host;
  std::string origin;
  std::string site;  // Sec-Fetch-Site
  std::string cookie;
  std::string authorization;
  std::string content_type;
  std::string csrf;  // X-Paxect-Csrf

  bool is_read() const { return method == "GET" || method == "HEAD"; }
  std::string parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? "" : found->second;
  }
};

struct Response {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // of our own making: no line ends in them
  bool is_stream = false;                                    // the body goes on until the connection ends

  // A status with one line of text.
  static Response line(int status, const std::string& text);
  static Response json(std::string body, int status = 200);
};

// Status line, headers and body as bytes. Every response ends its connection and has the headers that confine
// a page: Content-Security-Policy and its kind.
std::string format_response(const Response& response, bool with_body);

}  // namespace paxect::panel
