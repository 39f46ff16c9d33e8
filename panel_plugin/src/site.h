// The paths of the panel and what each answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "access.h"
#include "action_log.h"
#include "child.h"
#include "host.h"
#include "sections.h"
#include "server.h"
#include "settings.h"

namespace paxect::panel {

class Site {
 public:
  // What the site works with; all of it outlives it.
  struct Parts {
    const Host& host;
    const Settings& settings;
    const Access& access;
    Sections& sections;
    Runner& runner;
    ActionLog& log;
    Server* server;  // for answers that come later
  };

  explicit Site(const Parts& parts) : parts_(parts) {}

  std::optional<Response> answer(const Request& request, const Client& client);
  // The event with the current reports, for the viewers.
  std::string state_event() const;
  // Whether somebody has asked for the reports lately, without a stream.
  bool is_followed() const;

 private:
  std::optional<Response> login(const Request& request) const;
  std::optional<Response> route(const Request& request, const Client& client);
  std::optional<Response> api(const Request& request, const Client& client);
  std::optional<Response> question(const std::string& section, const std::string& name,
                                   const Request& request, const Client& client);
  std::optional<Response> action(const std::string& section, const std::string& name, const Request& request,
                                 const Client& client);
  std::optional<Response> run_action(const Action& action, const std::vector<std::string>& words,
                                     const Client& client);
  // The rest of an action whose record has begun.
  std::optional<Response> finish_action(const Action& action, const std::vector<std::string>& words,
                                        const Client& client);
  void note_outcome(const Action& action, const std::string& outcome);
  std::optional<Response> resend(const Action& action, const Client& client);
  Response reload(const Action& action);
  Response health() const;
  Response metrics(const Request& request) const;
  std::string session_json(const Client& client) const;
  std::string state_json() const;
  // Runs a command; the client gets what `make` makes of its end.
  std::optional<Response> run(const std::vector<std::string>& words, const Client& client,
                              std::function<Response(const CommandEnd&)> make);

  Parts parts_;
  std::uint64_t asked_ns_ = 0;  // when the reports were last asked for; 0: never
};

}  // namespace paxect::panel
