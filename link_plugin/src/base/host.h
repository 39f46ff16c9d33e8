// The host's services as link uses them: typed, checked once, never NULL. All functions are noexcept borders
// to plain C. Threads: log, the clock and stop_requested may be called from any thread; configuration from
// the instance thread only.
#pragma once

#include <paxect/plugin.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

namespace paxect::link {

class Host {
 public:
  // Keeps `host`. Missing services are found by complete().
  explicit Host(const paxect_host* host)
      : host_(host),
        log_(service<paxect_log_service>(PAXECT_SERVICE_LOG)),
        clock_(service<paxect_clock_service>(PAXECT_SERVICE_CLOCK)),
        run_(service<paxect_run_service>(PAXECT_SERVICE_RUN)),
        config_(service<paxect_config_service>(PAXECT_SERVICE_CONFIG)),
        secrets_(service<paxect_secrets_service>(PAXECT_SERVICE_SECRETS)),
        sandbox_(service<paxect_sandbox_service>(PAXECT_SERVICE_SANDBOX)),
        claims_(service<paxect_claims_service>(PAXECT_SERVICE_CLAIMS)) {}

  bool complete() const {
    return log_ != nullptr && clock_ != nullptr && run_ != nullptr && config_ != nullptr;
  }

  void log(int32_t level, const std::string& message) const { log_->write(host_, level, message.c_str()); }
  // Of several faults, the host reports the last one, which is returned. Requires: there is one.
  std::string log_all_but_last(const std::vector<std::string>& faults) const {
    for (std::size_t i = 0; i + 1 < faults.size(); ++i) log(PAXECT_LOG_ERROR, faults[i]);
    return faults.back();
  }
  std::uint64_t monotonic_ns() const { return clock_->monotonic_ns(host_); }
  std::int64_t realtime_ns() const { return clock_->realtime_ns(host_); }
  std::int64_t realtime_s() const { return realtime_ns() / 1'000'000'000; }
  bool stop_requested() const { return run_->stop_requested(host_) != 0; }
  bool once() const { return run_->once(host_) != 0; }

  // This process has a key in its memory now. A host that cannot hide it is none to fail for.
  void hold_secrets() const {
    if (secrets_ != nullptr) secrets_->hold(host_);
  }

  // 0, or an errno: ENOSYS for a host or a system without a sandbox.
  int confine(const std::vector<paxect_access>& paths) const {
    if (sandbox_ == nullptr) return ENOSYS;
    return sandbox_->confine(host_, paths.data(), static_cast<std::uint32_t>(paths.size()));
  }

  // The instance of this process that has claimed the resource; "" when it is this one's now.
  std::string claim(const std::string& resource) const {
    return claims_ == nullptr ? "" : text(claims_->claim(host_, resource.c_str()));
  }

  std::string instance_name() const { return text(config_->instance_name(host_)); }
  // The strongest value of a key, or NULL.
  const char* get(const char* key, int32_t* origin) const { return config_->get(host_, key, origin); }
  const char* key_at(std::uint32_t index) const { return config_->key_at(host_, index); }
  std::string describe(const char* key) const { return text(config_->describe(host_, key)); }

 private:
  template <class Service>
  const Service* service(const char* id) const {
    return static_cast<const Service*>(host_->service(host_, id));
  }
  static std::string text(const char* string) { return string == nullptr ? "" : string; }

  const paxect_host* host_;
  const paxect_log_service* log_;
  const paxect_clock_service* clock_;
  const paxect_run_service* run_;
  const paxect_config_service* config_;
  const paxect_secrets_service* secrets_;  // NULL where there is none
  const paxect_sandbox_service* sandbox_;  // likewise
  const paxect_claims_service* claims_;    // likewise
};

}  // namespace paxect::link
