#include "service_manager.h"

#include <systemd/sd-daemon.h>

#include "heartbeat.h"
#include "log.h"

namespace paxect::host {
namespace {

constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;

void notify(const std::string& message) { sd_notify(0, message.c_str()); }

// One line: what comes from a plugin must not look like a further assignment.
std::string status_line(const std::string& text) { return "\nSTATUS=" + escape(text); }

}  // namespace

ServiceManager::ServiceManager() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0) watchdog_ns_ = microseconds * kNanosecondsPerMicrosecond;
}

void ServiceManager::ready(const std::string& status) const { notify("READY=1" + status_line(status)); }

void ServiceManager::reloading() const {
  std::uint64_t now = monotonic_now_ns() / kNanosecondsPerMicrosecond;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now) + status_line("reloading"));
}

void ServiceManager::stopping(const std::string& status) const {
  notify("STOPPING=1" + (status.empty() ? "" : status_line(status)));
}

void ServiceManager::failed(const std::string& status) const { notify(status_line(status).substr(1)); }

void ServiceManager::alive() const { notify("WATCHDOG=1"); }

}  // namespace paxect::host
