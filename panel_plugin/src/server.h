// The connections of the panel: reads requests, has them answered, writes responses, and keeps the event
// streams of viewers.
//
// One thread, which never blocks. A client that is slow costs a descriptor and its buffers, for a limited
// time: each connection carries one request, which has to be complete within kRequestTime. When all
// connections are taken, one that has its response, or the oldest one that has not sent a
// request yet, makes room.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "events.h"
#include "http_message.h"
#include "request_parser.h"
#include "unique_fd.h"

namespace paxect::panel {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Who is at the other end.
struct Client {
  std::optional<unsigned> uid;   // over a Unix socket
  std::uint64_t connection = 0;  // for Server::respond()
};

class Server {
 public:
  static constexpr std::size_t kMaxConnections = 160;
  static constexpr std::size_t kMaxStreams = 100;
  static constexpr std::uint64_t kRequestTime = 10 * kSecond;
  static constexpr std::uint64_t kResponseTime = 60 * kSecond;
  static constexpr std::uint64_t kStreamStall = 20 * kSecond;
  static constexpr std::uint64_t kListenerRest = kSecond / 4;
  static constexpr std::uint64_t kLingerTime = 2 * kSecond;
  static constexpr std::size_t kMaxPending = 1024 * 1024;  // of a stream, not yet taken by its client

  // Answers a request. Without a value, respond() does later.
  using Handler = std::function<std::optional<Response>(const Request& request, const Client& client)>;

  Server(Events* events, Handler handler) : events_(events), handler_(std::move(handler)) {}
  ~Server() { close(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // `now_ns` is monotonic, here as in all functions.
  void listen(UniqueFd socket);
  void set_time(std::uint64_t now_ns) { now_ns_ = now_ns; }
  // Ends connections whose time is over. Returns when it wants to be called again.
  std::uint64_t expire();
  // Ignored when the connection has ended in the meantime.
  void respond(std::uint64_t connection, const Response& response);
  // Sends one event, complete with its empty line, to each stream.
  void broadcast(const std::string& event);
  // Closes the streams of all viewers: they may have lost the right to see them.
  void end_streams();
  std::size_t streams() const { return streams_; }
  void close();

 private:
  enum class Phase { kReading, kAnswering, kWriting, kStreaming, kLingering };
  struct Connection {
    UniqueFd socket{};
    Client client{};
    Events::Id event = 0;
    Phase phase = Phase::kReading;
    std::uint64_t deadline_ns = 0;
    std::string input{};
    std::size_t head_size = 0;  // 0 until it is complete
    std::size_t body_size = 0;
    Request request{};
    std::string output{};
    std::size_t written = 0;
  };
  using Connections = std::unordered_map<std::uint64_t, std::unique_ptr<Connection>>;

  void accept_all();
  // Whether there are fewer than `max` connections, after one was closed for that if need be.
  bool make_room(std::size_t max);
  void rest_listener();
  void admit(UniqueFd socket);
  void handle(std::uint64_t id, std::uint32_t events);
  bool read(Connection* connection);
  void take_input(Connection* connection);
  void answer(Connection* connection);
  void begin_response(Connection* connection, const Response& response);
  bool write(Connection* connection);
  bool linger(Connection* connection);
  void end(std::uint64_t id);

  Events* events_;
  Handler handler_;
  RequestParser parser_;
  UniqueFd listener_;
  Events::Id listener_event_ = 0;
  Connections connections_;
  std::uint64_t next_ = 1;
  std::uint64_t now_ns_ = 0;
  std::size_t streams_ = 0;
  std::uint64_t listen_at_ns_ = 0;  // when connections are accepted again; 0: they are
};

}  // namespace paxect::panel
