#include "exchange.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace paxect::carrier {

bool Exchange::send(const std::string& subject, std::string_view data, std::uint64_t timeout_ns,
                    Handler handler) {
  const std::uint64_t number = connection_.request(subject, data);
  if (number == 0) return false;
  const std::uint64_t deadline = host_.monotonic_ns() + timeout_ns;
  pending_[number] = {std::move(handler), deadline, subject.starts_with("$JS.API.")};
  earliest_ns_ = std::min(earliest_ns_, deadline);
  return true;
}

std::uint64_t Exchange::dispatch() {
  while (std::unique_ptr<Message> message = connection_.next()) {
    const auto found = pending_.find(message->request);
    if (found == pending_.end()) {
      other_(std::move(message));
      continue;
    }
    const Handler handler = std::move(found->second.handler);
    pending_.erase(found);
    handler(message.get());
  }
  std::map<std::uint64_t, Pending> lost;
  if (const std::uint64_t generation = connection_.generation();
      generation != std::exchange(generation_, generation)) {
    lost.swap(pending_);
    earliest_ns_ = std::numeric_limits<std::uint64_t>::max();
  } else if (const std::uint64_t now = host_.monotonic_ns(); now >= earliest_ns_) {
    for (auto at = pending_.begin(); at != pending_.end();) {
      const auto next = std::next(at);
      if (at->second.deadline_ns <= now) {
        is_silent_ = is_silent_ || at->second.is_to_jetstream;
        lost.insert(pending_.extract(at));
      }
      at = next;
    }
    earliest_ns_ = std::numeric_limits<std::uint64_t>::max();
    for (const auto& [number, pending] : pending_) earliest_ns_ = std::min(earliest_ns_, pending.deadline_ns);
  }
  for (const auto& [number, pending] : lost) pending.handler(nullptr);
  return earliest_ns_;
}

bool Exchange::await(const std::function<bool()>& condition, std::uint64_t timeout_ns,
                     const std::function<bool()>& pulse) {
  const std::uint64_t deadline = host_.monotonic_ns() + timeout_ns;
  for (;;) {
    dispatch();
    if (condition()) return true;
    if (host_.stop_requested() || host_.monotonic_ns() >= deadline || !pulse()) return false;
    connection_.wait(50);
  }
}

bool Exchange::ask(const std::string& subject, std::string_view data, std::uint64_t timeout_ns,
                   const std::function<bool()>& pulse, const std::function<void(const Message&)>& handler) {
  bool replied = false;
  ask_all({{subject, std::string(data)}}, timeout_ns, pulse, [&](std::size_t, const Message& reply) {
    replied = true;
    handler(reply);
  });
  return replied;
}

void Exchange::ask_all(const std::vector<Request>& requests, std::uint64_t timeout_ns,
                       const std::function<bool()>& pulse,
                       const std::function<void(std::size_t index, const Message&)>& handler) {
  struct State {
    std::size_t open = 0;
    bool abandoned = false;
  };
  const auto state = std::make_shared<State>();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto on_reply = [state, i, &handler](const Message* reply) {
      if (state->abandoned) return;
      --state->open;
      if (reply != nullptr) handler(i, *reply);
    };
    if (send(requests[i].subject, requests[i].data, timeout_ns, on_reply)) ++state->open;
  }
  await([&] { return state->open == 0; }, timeout_ns, pulse);
  state->abandoned = true;
}

}  // namespace paxect::carrier
