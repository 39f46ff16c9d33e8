#include "request_parser.h"

#include "support/catch.h"

using namespace paxect::panel;

namespace {

struct Parsed {
  int status = 0;
  Request request{};
  std::size_t body_size = 0;
};

Parsed parse(const std::string& head) {
  RequestParser parser;
  Parsed parsed;
  parsed.status = parser.parse(head, &parsed.request, &parsed.body_size);
  return parsed;
}

}  // namespace

TEST_CASE("A request has its method, decoded path, query and headers") {
  const Parsed parsed = parse(
      "GET /api/link/explain?file=a%20%2B%00b&x=1&file=c HTTP/1.1\r\nhost: localhost:1\r\nCOOKIE: a=b; "
      "c=d\r\n"
      "X-Paxect-Csrf: secret\r\n\r\n");
  CHECK(parsed.status == 200);
  CHECK(parsed.body_size == 0);
  CHECK(parsed.request.method == "GET");
  CHECK(parsed.request.path == "/api/link/explain");
  CHECK(parsed.request.parameter("x") == "1");
  CHECK(parsed.request.parameter("none").empty());
  CHECK(parsed.request.host == "localhost:1");
  CHECK(parsed.request.cookie == "a=b; c=d");
  CHECK(parsed.request.csrf == "secret");
}

TEST_CASE("The length of a body is that of one Content-Length, and of no other framing") {
  const std::string post = "POST /x HTTP/1.1\r\nHost: localhost\r\n";
  CHECK(parse(post + "Content-Length: 12\r\n\r\n").body_size == 12);
  CHECK(parse(post + "Content-Length: 65536\r\n\r\n").status == 200);
  CHECK(parse(post + "Content-Length: 65537\r\n\r\n").status == 413);
  CHECK(parse(post + "Content-Length: 99999999999999999999999\r\n\r\n").status == 413);
  CHECK(parse(post + "Content-Length: 1 2\r\n\r\n").status == 400);
  CHECK(parse(post + "Content-Length: +1\r\n\r\n").status == 400);
  CHECK(parse(post + "Content-Length: 1\r\ncontent-length: 1\r\n\r\n").status == 400);
  CHECK(parse(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n").status == 411);
  CHECK(parse(post + "\r\n").status == 411);
  CHECK(parse("GET /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n").status == 400);
}

TEST_CASE("A header that decides about access counts only once") {
  for (const char* name : {"Host", "Origin", "Sec-Fetch-Site", "Cookie", "Authorization", "X-Paxect-Csrf"}) {
    INFO(name);
    const std::string line = std::string(name) + ": a\r\n";
    CHECK(parse("GET / HTTP/1.1\r\n" + line + "\r\n").status == 200);
    CHECK(parse("GET / HTTP/1.1\r\n" + line + line + "\r\n").status == 400);
  }
}

TEST_CASE("No head of any bytes ends the parser") {
  std::uint32_t state = 1;
  const auto next = [&] { return state = state * 1664525U + 1013904223U; };
  const std::string valid =
      "POST /api/x?a=%41 HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1,2-3\r\nContent-Length: 3\r\n\r\n";
  for (int i = 0; i < 3000; ++i) {
    std::string head = valid;
    for (std::uint32_t changes = 1 + next() % 6; changes > 0; --changes) {
      const std::size_t at = (next() >> 8) % head.size();
      if (next() % 3 == 0)
        head.insert(at, 1 + next() % 40, static_cast<char>(next() >> 16));
      else
        head[at] = static_cast<char>(next() >> 16);
    }
    const int status = parse(head.substr(0, kMaxHead)).status;
    INFO(head);
    CHECK((status == 200 || (status >= 400 && status < 504)));
  }
}
