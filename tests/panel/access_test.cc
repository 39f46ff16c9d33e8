#include "access.h"

#include <sodium.h>

#include "support/catch.h"

using namespace paxect::panel;

namespace {

Request from(const std::string& host, const std::string& origin = "", const std::string& site = "") {
  Request request;
  request.method = "GET";
  request.path = "/api/state";
  request.host = host;
  request.origin = origin;
  request.site = site;
  return request;
}

int refusal(const Access& access, const Request& request) {
  const auto refused = access.refuse_foreign(request);
  return refused ? refused->status : 200;
}

}  // namespace

TEST_CASE("The names of this machine, of the setting hosts and the address listened at are the panel's own") {
  REQUIRE(sodium_init() >= 0);
  Settings settings;
  settings.address = "192.0.2.1";
  settings.hosts = {"panel.example"};
  const Access access(settings);
  for (const char* host : {"localhost", "localhost:8484", "LocalHost", "127.0.0.1:1", "[::1]", "[::1]:8484",
                           "192.0.2.1:8484", "panel.example", "Panel.Example:443"})
    CHECK(refusal(access, from(host)) == 200);
  for (const char* host :
       {"evil.example", "localhost.", "localhost.evil.example", "xlocalhost", "127.0.0.1.evil.example", "::1",
        "[::1", "evil.example:8484", " localhost", "localhost evil"})
    CHECK(refusal(access, from(host)) == 421);
  CHECK(refusal(access, from("")) == 400);
}

TEST_CASE("Only the panel's own origin may ask") {
  const Settings settings;
  const Access access(settings);
  CHECK(refusal(access, from("localhost:1", "http://localhost:1")) == 200);
  CHECK(refusal(access, from("localhost:1", "https://localhost:1")) == 200);
  CHECK(refusal(access, from("localhost:1", "http://localhost:2")) == 403);
  CHECK(refusal(access, from("localhost:1", "null")) == 403);
  CHECK(refusal(access, from("localhost", "", "same-origin")) == 200);
  CHECK(refusal(access, from("localhost", "", "cross-site")) == 403);
}

TEST_CASE("The cookie stands for the token until the sessions end") {
  Settings settings;
  settings.token = "0123456789abcdef";
  Access access(settings);
  Request request = from("localhost");
  CHECK_FALSE(access.is_authorized(request));
  request.cookie = "x=1;  " + access.cookie().substr(0, access.cookie().find(';')) + "; y=2";
  CHECK(access.is_authorized(request));
  access.end_sessions();
  CHECK_FALSE(access.is_authorized(request));
  request.authorization = "Bearer 0123456789abcdef";
  CHECK(access.is_authorized(request));
  request.authorization = "Bearer 0123456789abcdeg";
  CHECK_FALSE(access.is_authorized(request));
  CHECK_FALSE(access.is_token(""));
}

TEST_CASE("Without a token in the settings none is accepted and none is needed") {
  const Settings settings;
  const Access access(settings);
  CHECK(access.is_authorized(from("localhost")));
  CHECK_FALSE(access.is_token(""));
}
