// Reports the state of a run to the service manager, systemd, by the datagrams of sd_notify(3), and reads its
// watchdog settings as sd_watchdog_enabled(3) does. Without a manager (no NOTIFY_SOCKET) every function does
// nothing.
//
// No function blocks, which those of libsystemd do while the manager does not read: the main thread has
// signals to read. A change of the state that cannot be sent is kept and sent in order by a later call; a
// sign of life is dropped, because a late one would be untrue.
//
// Used by one thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "unique_fd.h"

namespace paxect::host {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  ServiceManager();

  // Each with one line for `systemctl status`.
  void ready(const std::string& status);
  void reloading(const std::string& status);  // ended by ready()
  void stopping(const std::string& status);
  void status(const std::string& status);  // the state is the same, its description is not

  bool is_present() const { return socket_.valid(); }
  // How long the manager waits for alive() before it ends the process; nothing when it does not wait.
  std::optional<std::uint64_t> watchdog_ns() const { return watchdog_ns_; }
  void alive();
  // A start, reload or stop may take at least this much longer from now on, whatever the unit's timeout.
  void extend_timeout(std::uint64_t by_ns);

  // Sends what is kept. True when some of it still is: call again soon.
  bool send_pending();

 private:
  bool send(const std::string& message) const;
  void report(std::string message);

  UniqueFd socket_;
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  std::optional<std::uint64_t> watchdog_ns_;
  std::deque<std::string> pending_;
};

}  // namespace paxect::host
