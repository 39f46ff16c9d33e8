// Whether the server still reaches the majority of its cluster. One that does not goes on to answer for
// itself: the streams are there, and its replicas have replies to direct gets, old ones. But it stores
// nothing, gives out nothing, and no message of the other side comes. So a question that only the leader of a
// stream answers goes out every few seconds, also when there is nothing to do. Instance thread only.
#pragma once

#include <cstdint>
#include <string>

#include "connection.h"
#include "exchange.h"
#include "host.h"
#include "names.h"
#include "problems.h"

namespace paxect::carrier {

// What a server is that has the streams and no leader of them: for messages.
std::string without_leader(const std::string& server, const std::string& stream);

class Quorum {
 public:
  Quorum(const Host& host, Connection* connection, Exchange* exchange, const Names& names, Problems* problems)
      : host_(host), connection_(*connection), exchange_(*exchange), names_(names), problems_(*problems) {}

  // To be called in each step. `has_streams`: else there is another reason, which is reported elsewhere. Ends
  // the connection to a server that stays without a leader, where the settings have another one.
  void tend(bool has_streams);

 private:
  void ask(std::uint64_t now);
  void on_silence(std::uint64_t asked_ns);

  const Host& host_;
  Connection& connection_;
  Exchange& exchange_;
  const Names& names_;
  Problems& problems_;
  std::uint64_t generation_ = 0;
  std::uint64_t next_ns_ = 0;
  std::uint64_t silent_since_ns_ = 0;  // the first question without an answer; 0: the last one had one
  bool is_asked_ = false;
  bool is_to_leave_ = false;
};

}  // namespace paxect::carrier
