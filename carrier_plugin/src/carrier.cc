#include "carrier.h"

#include <poll.h>
#include <sodium.h>

#include <algorithm>

#include "sandbox.h"

namespace paxect::carrier {

paxect_plugin_status Carrier::fail(paxect_plugin_status status, const std::string& message) {
  error_ = message;
  return status;
}

paxect_plugin_status Carrier::init() {
  if (sodium_init() < 0)
    return fail(PAXECT_PLUGIN_CONFIG, "libsodium cannot be used: the system has no random numbers");
  if (const Status status = read_settings(host_, &settings_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message());
  for (const std::string& resource :
       {"carrier folder " + settings_.folder, "carrier state " + settings_.state})
    if (const std::string holder = host_.claim(resource); !holder.empty())
      return fail(PAXECT_PLUGIN_CONFIG, "the section " + holder + " has the same " + resource.substr(8));
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status Carrier::start() {
  if (!settings_.credentials.empty() || !settings_.nkey.empty() || !settings_.tls_key.empty())
    host_.hold_secrets();
  bool busy = false;
  if (const Status status = state_.open(settings_, &busy); !status.ok())
    return fail(busy ? PAXECT_PLUGIN_BUSY : PAXECT_PLUGIN_CONFIG, status.message());
  if (const Status status = enter_sandbox(host_, settings_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message());
  connection_ = std::make_unique<Connection>(host_, settings_, "paxect " + host_.instance_name());
  reporter_ = std::make_unique<Reporter>(host_, settings_, state_);
  Status status = connection_->open();
  if (status.ok() && settings_.mode == Mode::kSend) {
    sender_ = std::make_unique<Sender>(host_, settings_, state_, connection_.get());
    status = sender_->start();
  } else if (status.ok()) {
    receiver_ = std::make_unique<Receiver>(host_, settings_, state_, connection_.get());
    receiver_->set_observer([this] { reporter_->write(*connection_, nullptr, receiver_.get()); });
    status = receiver_->start();
  }
  return status.ok() ? PAXECT_PLUGIN_OK : fail(PAXECT_PLUGIN_CONFIG, status.message());
}

bool Carrier::is_idle() const { return sender_ ? sender_->is_idle() : receiver_->is_idle(); }

bool Carrier::is_blocked() const {
  return !connection_->is_connected() || (sender_ ? sender_->is_blocked() : receiver_->is_blocked());
}

paxect_plugin_status Carrier::step(paxect_step* result) {
  const std::uint64_t reconnect = connection_->tend(host_.monotonic_ns());
  if (sender_) sender_->forget_changes();
  const std::uint64_t wake = sender_ ? sender_->step() : receiver_->step();
  reporter_->write(*connection_, sender_.get(), receiver_.get());
  if (host_.once() && wake != 0 && (is_blocked() || is_idle())) {
    result->state = PAXECT_STEP_DONE;
    const Problems& problems = sender_ ? sender_->problems() : receiver_->problems();
    const bool is_done =
        sender_ ? sender_->files().empty() && sender_->held().empty() : receiver_->intents().empty();
    const bool is_well = connection_->is_connected() && problems.all().empty() && is_done;
    result->outcome = is_well ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
    return PAXECT_PLUGIN_OK;
  }
  watches_[0] = {.fd = connection_->fd(), .events = POLLIN, .reserved = 0};
  watches_[1] = {.fd = sender_ ? sender_->watch_fd() : -1, .events = POLLIN, .reserved = 0};
  result->state = wake == 0 ? PAXECT_STEP_AGAIN : PAXECT_STEP_WAIT;
  result->wake_at_ns = std::min(wake, reconnect);
  result->watches = watches_.data();
  result->watch_count = static_cast<std::uint32_t>(watches_.size());
  return PAXECT_PLUGIN_OK;
}

void Carrier::stop() {
  if (reporter_ && (sender_ || receiver_))
    reporter_->write_now(*connection_, sender_.get(), receiver_.get(), false);
  sender_.reset();  // they have messages of the library, which ends with the connection
  receiver_.reset();
  if (connection_) connection_->close();
  state_.close();
}

}  // namespace paxect::carrier
