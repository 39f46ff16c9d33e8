// An instance of the carrier: a sender or a receiver.
#pragma once

#include <paxect/plugin.h>

#include <array>
#include <memory>
#include <string>

#include "connection.h"
#include "host.h"
#include "problems.h"
#include "receiver.h"
#include "report.h"
#include "sender.h"
#include "settings.h"
#include "state_directory.h"

namespace paxect::carrier {

class Carrier {
 public:
  explicit Carrier(const Host& host) : host_(host) {}

  paxect_plugin_status init();
  paxect_plugin_status start();
  paxect_plugin_status step(paxect_step* result);
  void stop();
  const std::string& error() const { return error_; }

 private:
  // What a start does; what has been done by an earlier try stays done.
  Status begin(bool* busy);
  // Calls begin(). What may pass is tried again by the next call, two seconds later.
  paxect_plugin_status try_to_begin();
  bool has_begun() const { return sender_ != nullptr || receiver_ != nullptr; }
  bool is_idle() const;
  bool is_blocked() const;
  bool leaves_nothing();
  paxect_plugin_status fail(paxect_plugin_status status, const std::string& message);

  Host host_;
  Settings settings_{};
  StateDirectory state_{};
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Sender> sender_;  // of the two, the one of the mode
  std::unique_ptr<Receiver> receiver_;
  std::unique_ptr<Reporter> reporter_;
  std::array<paxect_watch, 2> watches_{};
  std::string error_;
  Problems problems_{host_};  // of the start
  std::uint64_t next_try_ns_ = 0;
  bool has_state_ = false;
  bool is_confined_ = false;
};

}  // namespace paxect::carrier
