// Whether another process has the identity of this one: its state directory was copied, as a machine is
// cloned.
//
// Each process has a number of its own, its *run*, and announces it on SUBJECT.peers with its identity and
// its age. Who hears its own identity with another run reports that, and answers with an announcement of its
// own. The younger one of two receivers takes no more work: both would share the consumer of the lists, and
// each would get half of them. It is no lock. That nothing arrives twice is due to the claims, which have the
// run of their intent. Instance thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "connection.h"
#include "host.h"
#include "names.h"
#include "peers.h"
#include "problems.h"
#include "settings.h"
#include "state_directory.h"

namespace paxect::carrier {

class Identity {
 public:
  Identity(const Host& host, const Settings& settings, const StateDirectory& state, Connection* connection,
           Problems* problems);

  // 16 hexadecimal digits.
  const std::string& run() const { return run_; }
  // To be called in each step: announces this process.
  void tend(const Work& work);
  // A message on SUBJECT.peers: an announcement, or a question that gets an answer.
  void take(const Message& message, const Work& work);
  // A claim of this identity that this process has not made.
  void take_claim(const std::string& name);
  // Whether another process was heard in the last seconds, and whether this one leaves the work to it.
  bool is_shared() const { return shared_until_ns_ != 0; }
  bool must_wait() const { return is_shared() && is_younger_; }
  // How many jobs other receivers of the subject have in hand, as they have said lately.
  std::uint64_t held_by_others() const;

 private:
  std::uint64_t age_ns() const;
  void announce(const Work& work);
  void note_held(const Peer& peer);
  void report(const std::string& whom);

  struct Held {
    std::uint64_t jobs = 0;
    std::uint64_t until_ns = 0;
  };

  const Host& host_;
  const Settings& settings_;
  const StateDirectory& state_;
  Connection& connection_;
  Problems& problems_;
  std::string subject_;
  std::string run_;
  std::uint64_t started_ns_;
  std::uint64_t next_ns_ = 0;
  std::uint64_t answered_ns_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t shared_until_ns_ = 0;  // 0: nobody else was heard
  std::map<std::string, Held> held_;   // by other receivers
  bool is_younger_ = false;
};

}  // namespace paxect::carrier
