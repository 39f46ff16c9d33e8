#include "identity.h"

#include <algorithm>
#include <utility>

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kEvery = 5 * kSecond;
constexpr std::uint64_t kForgotten = 4 * kEvery;
constexpr std::uint64_t kOlderBy = 2 * kSecond;
constexpr std::size_t kMaxPeers = 10'000;

}  // namespace

Identity::Identity(const Host& host, const Settings& settings, const StateDirectory& state,
                   Connection* connection, Problems* problems)
    : host_(host),
      settings_(settings),
      state_(state),
      connection_(*connection),
      problems_(*problems),
      subject_(Names(settings.subject).peers()),
      run_(random_token()),
      started_ns_(host.monotonic_ns()) {
  connection_.subscribe(subject_);
}

std::uint64_t Identity::age_ns() const { return host_.monotonic_ns() - started_ns_; }

void Identity::announce(const Work& work) {
  Peer own = own_peer(host_, settings_, state_, work);
  own.run = run_;
  own.age_ns = age_ns();
  connection_.publish(subject_, peer_text(own));
}

void Identity::tend(const Work& work) {
  const std::uint64_t now = host_.monotonic_ns();
  if (shared_until_ns_ != 0 && now >= shared_until_ns_) {
    shared_until_ns_ = 0;
    problems_.set("the identity is used twice", "");
  }
  if (!connection_.is_connected()) return;
  if (connection_.generation() == std::exchange(generation_, connection_.generation()) && now < next_ns_)
    return;
  next_ns_ = now + kEvery;
  announce(work);
}

void Identity::take(const Message& message, const Work& work) {
  if (!message.reply().empty()) {
    connection_.publish(std::string(message.reply()), peer_text(own_peer(host_, settings_, state_, work)));
    return;
  }
  Peer peer;
  if (!parse_peer(message.data(), &peer)) return;
  note_held(peer);
  if (peer.id != state_.token() || peer.run.empty() || peer.run == run_) return;
  // An announcement takes a while, so ages that differ by little show nothing.
  const std::uint64_t own = age_ns();
  const std::uint64_t difference = own > peer.age_ns ? own - peer.age_ns : peer.age_ns - own;
  is_younger_ = difference > kOlderBy ? own < peer.age_ns : run_ > peer.run;
  report("the process of " + peer.host + " [" + peer.section + "]");
  // It may have announced itself for the first time. An answer to an answer would be one too many.
  const std::uint64_t now = host_.monotonic_ns();
  if (now < answered_ns_ + kSecond) return;
  answered_ns_ = now;
  announce(work);
}

void Identity::note_held(const Peer& peer) {
  if (peer.mode != "receive" || peer.id == state_.token()) return;
  const std::uint64_t now = host_.monotonic_ns();
  std::erase_if(held_, [&](const auto& one) { return now >= one.second.until_ns; });
  if (held_.size() < kMaxPeers || held_.contains(peer.id))
    held_[peer.id] = {.jobs = peer.in_hand, .until_ns = now + kForgotten};
}

std::uint64_t Identity::held_by_others() const {
  const std::uint64_t now = host_.monotonic_ns();
  std::uint64_t jobs = 0;
  for (const auto& [id, held] : held_)
    if (now < held.until_ns) jobs += held.jobs;
  return jobs;
}

void Identity::take_claim(const std::string& name) {
  if (!is_shared()) report("a process that has claimed " + name);
}

void Identity::report(const std::string& whom) {
  shared_until_ns_ = host_.monotonic_ns() + kForgotten;
  problems_.set(
      "the identity is used twice",
      whom + " has the identity " + state_.token() +
          " of this one: the state directory was copied. Stop the copy, remove its state directory (here " +
          state_.path("") + "), and start it again");
}

}  // namespace paxect::carrier
