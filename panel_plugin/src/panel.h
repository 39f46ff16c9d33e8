// An instance of the panel: everything happens in step(), on the instance thread.
#pragma once

#include <paxect/plugin.h>

#include <memory>
#include <string>
#include <vector>

#include "access.h"
#include "action_log.h"
#include "child.h"
#include "events.h"
#include "host.h"
#include "listener.h"
#include "sections.h"
#include "server.h"
#include "settings.h"
#include "site.h"

namespace paxect::panel {

class Panel {
 public:
  explicit Panel(const Host& host) : host_(host) {}

  paxect_plugin_status init();
  paxect_plugin_status start();
  paxect_plugin_status step(paxect_step* result);
  paxect_plugin_status reload();
  void stop();
  const std::string& error() const { return error_; }

 private:
  paxect_plugin_status fail(const std::string& message);
  Status confine() const;
  void set_time();
  std::uint64_t tell_viewers();
  std::uint64_t tend_listener();

  Host host_;
  Settings settings_{};
  std::vector<std::string> program_;  // `paxect` and the options that read the sections
  std::string error_;
  Listener listener_{};  // its socket is with the server
  std::string listener_problem_;
  std::uint64_t listener_due_ns_ = 0;  // when to look whether clients still find it

  Events events_{};
  ActionLog log_{};
  std::unique_ptr<Access> access_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<Sections> sections_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<Server> server_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t told_ns_ = 0;  // when the viewers got the last event
  bool has_news_ = false;
  paxect_watch watch_{};
};

}  // namespace paxect::panel
