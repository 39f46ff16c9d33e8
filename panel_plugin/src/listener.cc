#include "listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace paxect::panel {
namespace {

constexpr int kFlags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr int kBacklog = 256;

// Removes the socket of a panel that ended without removing it.
Status remove_stale(const sockaddr_un& address) {
  struct stat info {};
  if (lstat(address.sun_path, &info) != 0) return Status::success();
  const std::string path = address.sun_path;
  if (!S_ISSOCK(info.st_mode)) return Status::failure("cannot listen at " + path + ": it is not a socket");
  const UniqueFd probe(socket(AF_UNIX, kFlags, 0));
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  if (connect(probe.get(), plain, sizeof address) == 0 || errno != ECONNREFUSED)
    return Status::failure("cannot listen at " + path + ": another program listens there");
  return unlink(address.sun_path) == 0 ? Status::success() : Status::system("cannot replace " + path);
}

Status open_unix(const std::string& path, Listener* out) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);  // the settings have checked the size
  if (Status status = remove_stale(address); !status.ok()) return status;
  out->socket = UniqueFd(socket(AF_UNIX, kFlags, 0));
  out->where = "unix:" + path;
  // Nobody can connect before listen(). bind() takes the mode of the socket and the umask, which may be
  // narrower.
  const bool bound =
      out->socket.valid() && fchmod(out->socket.get(), 0660) == 0 &&
      bind(out->socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      chmod(address.sun_path, 0660) == 0;
  struct stat info {};
  if (!bound || lstat(address.sun_path, &info) != 0) return Status::system("cannot listen at " + path);
  out->path = path;
  out->device = info.st_dev;
  out->inode = info.st_ino;
  return Status::success();
}

// The address in the form that the system takes; its size.
socklen_t fill(const Settings& settings, sockaddr_storage* out) {
  auto* four = reinterpret_cast<sockaddr_in*>(out);
  if (inet_pton(AF_INET, settings.address.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(settings.port);
    return sizeof *four;
  }
  auto* six = reinterpret_cast<sockaddr_in6*>(out);
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(settings.port);
  inet_pton(AF_INET6, settings.address.c_str(), &six->sin6_addr);
  return sizeof *six;
}

Status open_tcp(const Settings& settings, Listener* out) {
  sockaddr_storage address{};
  socklen_t size = fill(settings, &address);
  const bool six = address.ss_family == AF_INET6;
  const std::string host = six ? "[" + settings.address + "]" : settings.address;
  out->socket = UniqueFd(socket(address.ss_family, kFlags, 0));
  const int on = 1;
  if (!out->socket.valid() || setsockopt(out->socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(out->socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      getsockname(out->socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return Status::system("cannot listen at " + host + ":" + std::to_string(settings.port));
  const in_port_t port = six ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                             : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  out->where = "http://" + host + ":" + std::to_string(ntohs(port)) + "/";
  return Status::success();
}

}  // namespace

Status open_listener(const Settings& settings, Listener* out) {
  Status status =
      settings.socket_path.empty() ? open_tcp(settings, out) : open_unix(settings.socket_path, out);
  if (status.ok() && listen(out->socket.get(), kBacklog) != 0)
    status = Status::system("cannot listen at " + out->where);
  return status;
}

bool is_reachable(const Listener& listener) {
  struct stat info {};
  return listener.path.empty() || (lstat(listener.path.c_str(), &info) == 0 &&
                                   info.st_dev == listener.device && info.st_ino == listener.inode);
}

void remove_socket(const Listener& listener) {
  if (!listener.path.empty() && is_reachable(listener)) unlink(listener.path.c_str());
}

}  // namespace paxect::panel
