// Who may do what: the name that the browser used, the origin of the page, the token and the cookie that
// stands for it.
//
// Over a Unix socket without a token, the permissions of the socket decide who is let in. The checks against
// foreign pages in the operator's own browser apply in all cases.
#pragma once

#include <optional>
#include <string>

#include "http_message.h"
#include "server.h"
#include "settings.h"

namespace paxect::panel {

class Access {
 public:
  explicit Access(const Settings& settings);

  // The response that refuses a request of a page of another origin or by a foreign name, if it is one.
  std::optional<Response> refuse_foreign(const Request& request) const;
  // Whether the request has the token, in the cookie or as a bearer.
  bool is_authorized(const Request& request) const;
  // Whether a text is the token.
  bool is_token(const std::string& text) const;
  // Whether a request that changes something comes from our own page.
  bool has_csrf(const Request& request) const;

  // The value of Set-Cookie of a visitor who has given the token.
  std::string cookie() const;
  const std::string& csrf() const { return csrf_; }
  // Whoever is logged in has to give the token again.
  void end_sessions();
  // For the record of the actions.
  std::string name_of(const Client& client) const;

 private:
  bool is_own_host(const std::string& host) const;

  const Settings& settings_;
  std::string session_;  // what the cookie contains: another one for each start
  std::string csrf_;
};

}  // namespace paxect::panel
