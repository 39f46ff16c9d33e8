#include "carrier.h"

#include <sodium.h>

#include <limits>

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
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status Carrier::step(paxect_step* result) {
  result->state = host_.once() ? PAXECT_STEP_DONE : PAXECT_STEP_WAIT;
  result->wake_at_ns = std::numeric_limits<std::uint64_t>::max();
  return PAXECT_PLUGIN_OK;
}

void Carrier::stop() { state_.close(); }

}  // namespace paxect::carrier
