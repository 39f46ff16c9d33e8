#include "server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

namespace paxect::panel {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

// Why the parser refuses a request.
const char* reason_of(int status) {
  switch (status) {
    case 411:
      return "a POST needs a Content-Length and no Transfer-Encoding";
    case 413:
      return "the body of a request may have 64 KiB";
    case 414:
      return "the path of the request is too long";
    case 417:
      return "Expect is not supported: send the body at once";
    case 501:
      return "there is no such method";
    case 503:
      return "out of memory: try again";
    default:
      return "this is not a well-formed HTTP/1.1 request, or a header that may be there once is there twice";
  }
}

bool is_temporary(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

void Server::listen(UniqueFd socket) {
  if (listener_event_ != 0) events_->remove(listener_event_);
  listener_ = std::move(socket);
  listener_event_ = events_->add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
}

void Server::accept_all() {
  // A bounded number, so that the other connections get their turn.
  for (int i = 0; i < 32; ++i) {
    UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid()) return is_temporary(errno) ? void() : rest_listener();
    if (make_room(kMaxConnections)) admit(std::move(socket));
  }
}

// No connection can be accepted, such as when the process has no descriptor left: the one that waits would be
// reported again at once, and for ever.
void Server::rest_listener() {
  static_cast<void>(make_room(1));
  events_->change(listener_event_, 0);
  listen_at_ns_ = now_ns_ + kListenerRest;
}

bool Server::make_room(std::size_t max) {
  if (connections_.size() < max) return true;
  // One that lingers has its response: closing it takes nothing from its client. None of the three phases
  // needs a token, so that without this order anybody could keep everybody else out.
  for (const Phase phase : {Phase::kLingering, Phase::kReading, Phase::kWriting}) {
    const Connections::value_type* oldest = nullptr;
    for (const auto& each : connections_)
      if (each.second->phase == phase && (oldest == nullptr || each.first < oldest->first)) oldest = &each;
    if (oldest == nullptr) continue;
    end(oldest->first);
    return true;
  }
  return false;
}

void Server::admit(UniqueFd socket) {
  const std::uint64_t id = next_++;
  auto connection = std::make_unique<Connection>();
  ucred peer{};
  socklen_t size = sizeof peer;
  sockaddr_storage address{};
  socklen_t address_size = sizeof address;
  const bool is_unix = getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &address_size) == 0 &&
                       address.ss_family == AF_UNIX;
  if (is_unix && getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
    connection->client.uid = peer.uid;
  connection->client.connection = id;
  connection->deadline_ns = now_ns_ + kRequestTime;
  connection->socket = std::move(socket);
  connection->event = events_->add(connection->socket.get(), EPOLLIN,
                                   [this, id](std::uint32_t events) { handle(id, events); });
  if (connection->event != 0) connections_.emplace(id, std::move(connection));
}

void Server::handle(std::uint64_t id, std::uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection* connection = found->second.get();
  // EPOLLHUP: both sides are closed, so that nobody reads a response.
  bool alive = (events & (EPOLLERR | EPOLLHUP)) == 0;
  if (alive && (events & EPOLLIN) != 0) alive = read(connection);
  if (alive && !connection->output.empty()) alive = write(connection);
  if (!alive) end(id);
}

// False when the connection has ended.
bool Server::read(Connection* connection) {
  std::array<char, kReadSize> buffer{};
  const ssize_t count = recv(connection->socket.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) return is_temporary(errno);
  if (count == 0) {
    // A client that has sent its request may close its side and still wait for the response. Nobody does that
    // before the request is complete, and a stream has nothing else to end it.
    if (connection->phase != Phase::kAnswering && connection->phase != Phase::kWriting) return false;
    events_->change(connection->event, connection->output.empty() ? 0U : static_cast<unsigned>(EPOLLOUT));
    return true;
  }
  if (connection->phase != Phase::kReading) return true;  // more than one request: ignored
  connection->input.append(buffer.data(), static_cast<std::size_t>(count));
  take_input(connection);
  return true;
}

void Server::take_input(Connection* connection) {
  if (connection->head_size == 0) {
    const std::size_t end = connection->input.find(kHeadEnd);
    const std::size_t size = end == std::string::npos ? connection->input.size() : end + kHeadEnd.size();
    if (size > kMaxHead)
      return begin_response(connection, Response::line(431, "the head of a request may have 8 KiB"));
    if (end == std::string::npos) return;
    const int status =
        parser_.parse(connection->input.substr(0, size), &connection->request, &connection->body_size);
    if (status != 200) return begin_response(connection, Response::line(status, reason_of(status)));
    connection->head_size = size;
  }
  if (connection->input.size() - connection->head_size < connection->body_size) return;
  connection->request.body = connection->input.substr(connection->head_size, connection->body_size);
  connection->input = std::string();
  answer(connection);
}

void Server::answer(Connection* connection) {
  connection->phase = Phase::kAnswering;
  connection->deadline_ns = std::numeric_limits<std::uint64_t>::max();  // whoever answers has one
  if (const std::optional<Response> response = handler_(connection->request, connection->client))
    begin_response(connection, *response);
}

void Server::begin_response(Connection* connection, const Response& response) {
  if (response.is_stream && streams_ >= kMaxStreams)
    return begin_response(connection, Response::line(503, "too many viewers"));
  connection->output = format_response(response, connection->request.method != "HEAD");
  connection->written = 0;
  connection->phase = response.is_stream ? Phase::kStreaming : Phase::kWriting;
  connection->deadline_ns = now_ns_ + (response.is_stream ? kStreamStall : kResponseTime);
  if (response.is_stream) ++streams_;
  events_->change(connection->event, EPOLLIN | EPOLLOUT);
}

// False when the connection has ended.
bool Server::write(Connection* connection) {
  while (connection->written < connection->output.size()) {
    const ssize_t count = send(connection->socket.get(), connection->output.data() + connection->written,
                               connection->output.size() - connection->written, MSG_NOSIGNAL);
    if (count < 0) return is_temporary(errno);
    connection->written += static_cast<std::size_t>(count);
    if (connection->phase == Phase::kStreaming) connection->deadline_ns = now_ns_ + kStreamStall;
  }
  connection->output = std::string();
  connection->written = 0;
  if (connection->phase == Phase::kWriting) return linger(connection);
  connection->deadline_ns = std::numeric_limits<std::uint64_t>::max();  // until there is something to send
  events_->change(connection->event, EPOLLIN);
  return true;
}

// Waits until the client has closed its side: closing with unread input would reset the connection, and the
// client might lose the end of the response.
bool Server::linger(Connection* connection) {
  connection->phase = Phase::kLingering;
  connection->deadline_ns = now_ns_ + kLingerTime;
  events_->change(connection->event, EPOLLIN);
  return shutdown(connection->socket.get(), SHUT_WR) == 0;
}

void Server::respond(std::uint64_t id, const Response& response) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second->phase != Phase::kAnswering) return;
  begin_response(found->second.get(), response);
}

void Server::broadcast(const std::string& event) {
  std::vector<std::uint64_t> ended;
  for (const auto& [id, connection] : connections_) {
    if (connection->phase != Phase::kStreaming) continue;
    const bool idle = connection->output.empty();
    if (connection->output.size() - connection->written + event.size() > kMaxPending) {
      ended.push_back(id);
      continue;
    }
    if (idle) connection->deadline_ns = now_ns_ + kStreamStall;
    connection->output.erase(0, std::exchange(connection->written, 0));
    connection->output += event;
    events_->change(connection->event, EPOLLIN | EPOLLOUT);
    if (!write(connection.get())) ended.push_back(id);
  }
  for (const std::uint64_t id : ended) end(id);
}

void Server::end_streams() {
  std::vector<std::uint64_t> ended;
  for (const auto& [id, connection] : connections_)
    if (connection->phase == Phase::kStreaming) ended.push_back(id);
  for (const std::uint64_t id : ended) end(id);
}

std::uint64_t Server::expire() {
  std::vector<std::uint64_t> over;
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  if (listen_at_ns_ != 0 && listen_at_ns_ <= now_ns_) {
    listen_at_ns_ = 0;
    events_->change(listener_event_, EPOLLIN);
  }
  if (listen_at_ns_ != 0) next = listen_at_ns_;
  for (const auto& [id, connection] : connections_) {
    if (connection->deadline_ns <= now_ns_)
      over.push_back(id);
    else
      next = std::min(next, connection->deadline_ns);
  }
  for (const std::uint64_t id : over) {
    Connection* connection = connections_.at(id).get();
    if (connection->phase == Phase::kReading) {
      begin_response(connection, Response::line(408, "the request took too long"));
      next = std::min(next, connection->deadline_ns);
    } else {
      end(id);
    }
  }
  return next;
}

void Server::end(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (found->second->phase == Phase::kStreaming) --streams_;
  events_->remove(found->second->event);
  connections_.erase(found);
}

void Server::close() {
  if (listener_event_ != 0) events_->remove(std::exchange(listener_event_, 0));
  listener_.reset();
  while (!connections_.empty()) end(connections_.begin()->first);
}

}  // namespace paxect::panel
