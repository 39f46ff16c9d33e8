#include "service_manager.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "heartbeat.h"
#include "log.h"

namespace paxect::host {
namespace {

constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;
constexpr std::size_t kMaxPending = 64;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

// A positive decimal number, or 0.
std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

// One line: text of a plugin must not look like a further assignment.
std::string status_line(const std::string& text) { return "STATUS=" + escape(text); }

}  // namespace

ServiceManager::ServiceManager() {
  std::string_view path = variable("NOTIFY_SOCKET");
  // A path, or a name in the abstract namespace ("@NAME"), which begins with a NUL byte.
  if (path.size() < 2 || (path[0] != '/' && path[0] != '@') || path.size() >= sizeof address_.sun_path)
    return;
  address_.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address_.sun_path);
  if (path[0] == '@') address_.sun_path[0] = '\0';
  address_size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  socket_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

  std::uint64_t microseconds = number(variable("WATCHDOG_USEC"));
  std::string_view process = variable("WATCHDOG_PID");
  bool is_ours = process.empty() || number(process) == static_cast<std::uint64_t>(getpid());
  if (socket_.valid() && microseconds > 0 && is_ours)
    watchdog_ns_ = microseconds * kNanosecondsPerMicrosecond;
}

void ServiceManager::ready(const std::string& status) { report("READY=1\n" + status_line(status)); }

void ServiceManager::reloading(const std::string& status) {
  std::uint64_t now = monotonic_now_ns() / kNanosecondsPerMicrosecond;
  report("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now) + "\n" + status_line(status));
}

void ServiceManager::stopping(const std::string& status) { report("STOPPING=1\n" + status_line(status)); }

void ServiceManager::status(const std::string& status) { report(status_line(status)); }

void ServiceManager::alive() {
  if (!send_pending()) send("WATCHDOG=1");
}

void ServiceManager::extend_timeout(std::uint64_t by_ns) {
  if (!send_pending()) send("EXTEND_TIMEOUT_USEC=" + std::to_string(by_ns / kNanosecondsPerMicrosecond));
}

bool ServiceManager::send_pending() {
  while (!pending_.empty() && send(pending_.front())) pending_.pop_front();
  return !pending_.empty();
}

// False when the manager's queue is full; any other failure counts as sent, since no later call would help.
bool ServiceManager::send(const std::string& message) const {
  if (!socket_.valid()) return true;
  ssize_t sent = sendto(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&address_), address_size_);
  return sent >= 0 || (errno != EAGAIN && errno != EINTR && errno != ENOBUFS);
}

void ServiceManager::report(std::string message) {
  if (pending_.size() == kMaxPending) pending_.pop_front();
  pending_.push_back(std::move(message));
  send_pending();
}

}  // namespace paxect::host
