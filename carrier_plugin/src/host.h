// The host's services as the carrier uses them: typed, checked once. Instance thread only, but for log().
#pragma once

#include <paxect/plugin.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

namespace paxect::carrier {

class Host {
 public:
  // Keeps `host`. complete() finds missing services.
  explicit Host(const paxect_host* host)
      : host_(host),
        log_(service<paxect_log_service>(PAXECT_SERVICE_LOG)),
        clock_(service<paxect_clock_service>(PAXECT_SERVICE_CLOCK)),
        run_(service<paxect_run_service>(PAXECT_SERVICE_RUN)),
        config_(service<paxect_config_service>(PAXECT_SERVICE_CONFIG)),
        secrets_(service<paxect_secrets_service>(PAXECT_SERVICE_SECRETS)),
        claims_(service<paxect_claims_service>(PAXECT_SERVICE_CLAIMS)),
        sandbox_(service<paxect_sandbox_service>(PAXECT_SERVICE_SANDBOX)) {}

  bool complete() const {
    return log_ != nullptr && clock_ != nullptr && run_ != nullptr && config_ != nullptr;
  }

  void log(std::int32_t level, const std::string& message) const {
    log_->write(host_, level, message.c_str());
  }
  std::uint64_t monotonic_ns() const { return clock_->monotonic_ns(host_); }
  std::int64_t realtime_ns() const { return clock_->realtime_ns(host_); }
  bool stop_requested() const { return run_->stop_requested(host_) != 0; }
  bool once() const { return run_->once(host_) != 0; }

  std::string instance_name() const { return config_->instance_name(host_); }
  // Null when the key is not set.
  const char* get(const char* key) const { return config_->get(host_, key, nullptr); }
  const char* key_at(std::uint32_t index) const { return config_->key_at(host_, index); }
  std::string describe(const char* key) const { return config_->describe(host_, key); }

  void hold_secrets() const {
    if (secrets_ != nullptr) secrets_->hold(host_);
  }
  // The instance of this process that has claimed the resource; "" when it is this one's now.
  std::string claim(const std::string& resource) const {
    const char* holder = claims_ == nullptr ? nullptr : claims_->claim(host_, resource.c_str());
    return holder == nullptr ? "" : holder;
  }
  // 0, or an errno: ENOSYS for a host or a system without a sandbox.
  int confine(const std::vector<paxect_access>& paths) const {
    if (sandbox_ == nullptr) return ENOSYS;
    return sandbox_->confine(host_, paths.data(), static_cast<std::uint32_t>(paths.size()));
  }
  const paxect_host* raw() const { return host_; }

 private:
  template <class Service>
  const Service* service(const char* id) const {
    return static_cast<const Service*>(host_->service(host_, id));
  }

  const paxect_host* host_;
  const paxect_log_service* log_;
  const paxect_clock_service* clock_;
  const paxect_run_service* run_;
  const paxect_config_service* config_;
  const paxect_secrets_service* secrets_;  // null where there is none
  const paxect_claims_service* claims_;    // likewise
  const paxect_sandbox_service* sandbox_;  // likewise
};

}  // namespace paxect::carrier
