#include "carrier.h"

#include <poll.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>

#include "environment.h"
#include "sandbox.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kRetryStart = 2'000'000'000;

}  // namespace

paxect_plugin_status Carrier::fail(paxect_plugin_status status, const std::string& message) {
  error_ = message;
  return status;
}

paxect_plugin_status Carrier::init() {
  if (sodium_init() < 0)
    return fail(PAXECT_PLUGIN_CONFIG, "libsodium cannot be used: the system has no random numbers");
  if (const Status status = read_settings(host_, &settings_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message());
  if (const Status status = check_metrics_file(host_, settings_.metrics_file); !status.ok())
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
  return try_to_begin();
}

// A disk that is full or fails is no fault of the settings: the host would report one, and a service manager
// starts no instance again that has one.
paxect_plugin_status Carrier::try_to_begin() {
  bool busy = false;
  const Status status = begin(&busy);
  if (!status.ok() && !is_environment(status))
    return fail(busy ? PAXECT_PLUGIN_BUSY : PAXECT_PLUGIN_CONFIG, status.message());
  // `status` would show that of the process before.
  if (!status.ok() && has_state_) unlink(state_.path("status.json").c_str());
  problems_.set("start", status.message());
  next_try_ns_ = host_.monotonic_ns() + kRetryStart;
  return PAXECT_PLUGIN_OK;
}

Status Carrier::begin(bool* busy) {
  if (!has_state_)
    if (Status status = state_.open(settings_, busy); !status.ok()) return status;
  has_state_ = true;
  if (!is_confined_)
    if (Status status = enter_sandbox(host_, settings_); !status.ok()) return status;
  is_confined_ = true;
  if (connection_ == nullptr) {
    auto connection = std::make_unique<Connection>(host_, settings_, "paxect " + host_.instance_name());
    if (Status status = connection->open(); !status.ok()) return status;
    connection_ = std::move(connection);
    reporter_ = std::make_unique<Reporter>(host_, settings_, state_);
  }
  if (settings_.mode == Mode::kSend) {
    auto sender = std::make_unique<Sender>(host_, settings_, state_, connection_.get());
    if (Status status = sender->start(); !status.ok()) return status;
    sender_ = std::move(sender);
  } else {
    auto receiver = std::make_unique<Receiver>(host_, settings_, state_, connection_.get());
    if (Status status = receiver->start(); !status.ok()) return status;
    receiver_ = std::move(receiver);
    receiver_->set_observer([this] { reporter_->write(*connection_, nullptr, receiver_.get()); });
  }
  return Status::success();
}

bool Carrier::is_idle() const { return sender_ ? sender_->is_idle() : receiver_->is_idle(); }

bool Carrier::is_blocked() const {
  return !connection_->is_connected() || (sender_ ? sender_->is_blocked() : receiver_->is_blocked());
}

// Whether a run that ends now has done everything.
bool Carrier::leaves_nothing() {
  const Problems& problems = sender_ ? sender_->problems() : receiver_->problems();
  if (!connection_->is_connected() || !problems.all().empty()) return false;
  if (sender_) return sender_->files().empty() && sender_->held().empty();
  return receiver_->intents().empty() && !receiver_->leaves_jobs();
}

paxect_plugin_status Carrier::step(paxect_step* result) {
  if (!has_begun()) {
    if (host_.monotonic_ns() >= next_try_ns_)
      if (const paxect_plugin_status status = try_to_begin(); status != PAXECT_PLUGIN_OK) return status;
    const bool ends = host_.once() && !has_begun();
    result->state = ends ? PAXECT_STEP_DONE : has_begun() ? PAXECT_STEP_AGAIN : PAXECT_STEP_WAIT;
    result->outcome = ends ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
    result->wake_at_ns = next_try_ns_;
    return PAXECT_PLUGIN_OK;
  }
  const std::uint64_t reconnect = connection_->tend(host_.monotonic_ns());
  if (sender_) sender_->forget_changes();
  const std::uint64_t wake = sender_ ? sender_->step() : receiver_->step();
  reporter_->write(*connection_, sender_.get(), receiver_.get());
  if (host_.once() && wake != 0 && (is_blocked() || is_idle())) {
    const bool is_well = leaves_nothing();
    if (is_blocked() || is_idle()) {  // nothing has come meanwhile
      if (const std::string text = sender_ ? sender_->unfinished_text() : ""; !text.empty())
        host_.log(PAXECT_LOG_WARN, text);
      result->state = PAXECT_STEP_DONE;
      result->outcome = is_well ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
      return PAXECT_PLUGIN_OK;
    }
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
  if (has_begun()) reporter_->write_now(*connection_, sender_.get(), receiver_.get(), false);
  sender_.reset();  // they have messages of the library, which ends with the connection
  receiver_.reset();
  if (connection_) connection_->close();
  state_.close();
}

}  // namespace paxect::carrier
