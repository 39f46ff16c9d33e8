#include "request_parser.h"

#include <httplib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace paxect::panel {
namespace {

// The head to read; what is written is only searched for the status.
class MemoryStream : public httplib::Stream {
 public:
  explicit MemoryStream(const std::string& input) : input_(input) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, size_t size) override {
    const std::size_t count = std::min(size, input_.size() - position_);
    std::memcpy(data, input_.data() + position_, count);
    position_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, size_t size) override {
    if (written_.empty()) written_.assign(data, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return -1; }

  // Of the response, 0 when there is none.
  int status() const {
    constexpr std::string_view kStart = "HTTP/1.1 ";
    int status = 0;
    if (written_.starts_with(kStart))
      std::from_chars(written_.data() + kStart.size(), written_.data() + written_.size(), status);
    return status;
  }

 private:
  const std::string& input_;
  std::size_t position_ = 0;
  std::string written_;
};

constexpr std::array<std::string_view, 9> kMethods = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                      "OPTIONS", "CONNECT", "TRACE", "PATCH"};

bool is_known_method(const std::string& head) {
  const std::string_view method = std::string_view(head).substr(0, head.find(' '));
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

// No control character but the ends of lines, and no line that continues the one before it: servers and
// proxies differ in what they make of these.
bool is_clean(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const bool has_control = std::any_of(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
    if (has_control || line.starts_with(' ') || line.starts_with('\t')) return false;
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
  }
  return true;
}

// The length of the body, or the status that refuses it.
int measure_body(const httplib::Request& request, std::size_t* size) {
  *size = 0;
  if (request.has_header("Transfer-Encoding")) return 411;
  const std::size_t count = request.get_header_value_count("Content-Length");
  if (count == 0) return request.method == "POST" ? 411 : 200;
  const std::string text = request.get_header_value("Content-Length");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *size);
  if (error == std::errc::result_out_of_range) return 413;
  if (count > 1 || error != std::errc() || end != text.data() + text.size()) return 400;
  if (*size > kMaxBody) return 413;
  return request.method == "POST" || *size == 0 ? 200 : 400;
}

// A header that decides about access must not be there twice.
int read_headers(const httplib::Request& request, Request* out) {
  const std::pair<const char*, std::string*> wanted[] = {
      {"Host", &out->host},
      {"Origin", &out->origin},
      {"Sec-Fetch-Site", &out->site},
      {"Cookie", &out->cookie},
      {"Authorization", &out->authorization},
      {"Content-Type", &out->content_type},
      {"X-Paxect-Csrf", &out->csrf},
  };
  for (const auto& [name, value] : wanted) {
    if (request.get_header_value_count(name) > 1) return 400;
    *value = request.get_header_value(name);
  }
  return request.has_header("Expect") ? 417 : 200;
}

}  // namespace

class RequestParser::Parser : public httplib::Server {
 public:
  Parser() {
    // The request is taken before this; without it, the library would read a body.
    set_pre_routing_handler(
        [](const httplib::Request&, httplib::Response&) { return HandlerResponse::Handled; });
  }

  int parse(const std::string& head, Request* out, std::size_t* body_size) {
    MemoryStream stream(head);
    bool closed = false;
    int status = 0;
    process_request(stream, true, closed, [&](httplib::Request& request) {
      status = read_headers(request, out);
      if (status == 200) status = measure_body(request, body_size);
      out->method = request.method;
      out->path = request.path;
      for (const auto& [name, value] : request.params) out->query.emplace(name, value);
    });
    if (status != 0) return status;
    return stream.status() == 414 ? 414 : 400;
  }
};

RequestParser::RequestParser() : parser_(std::make_unique<Parser>()) {}
RequestParser::~RequestParser() = default;

int RequestParser::parse(const std::string& head, Request* out, std::size_t* body_size) {
  try {
    if (!is_clean(head)) return 400;
    if (!is_known_method(head)) return head.find(" HTTP/1.") == std::string::npos ? 400 : 501;
    return parser_->parse(head, out, body_size);
  } catch (const std::bad_alloc&) {
    return 503;
  } catch (const std::exception&) {  // of the library, about a text that it cannot convert
    return 400;
  }
}

}  // namespace paxect::panel
