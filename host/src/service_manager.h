// What the service manager, systemd, is told of a run: sd_notify(3) messages and the watchdog. Without one
// (no NOTIFY_SOCKET) every function does nothing. One thread; what cannot be sent is lost, as sd_notify has
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace paxect::host {

class ServiceManager {
 public:
  // Looks at NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  ServiceManager();

  // Each with one line for `systemctl status`.
  void ready(const std::string& status) const;
  void reloading() const;                          // ended by ready()
  void stopping(const std::string& status) const;  // empty: what was said before stays
  void failed(const std::string& status) const;

  // How long the manager waits for a sign of life before it ends us; nothing: it does not wait for one.
  std::optional<std::uint64_t> watchdog_ns() const { return watchdog_ns_; }
  void alive() const;

 private:
  std::optional<std::uint64_t> watchdog_ns_;
};

}  // namespace paxect::host
