#include "events.h"

#include <sys/epoll.h>

#include <array>
#include <utility>

namespace paxect::panel {

Status Events::open() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  return epoll_.valid() ? Status::success() : Status::system("epoll");
}

Events::Id Events::add(int fd, std::uint32_t events, Function function) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = next_;
  auto [entry, added] = entries_.emplace(next_, Entry{fd, events, std::move(function)});
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return next_++;
  entries_.erase(entry);
  return 0;
}

void Events::change(Id id, std::uint32_t events) {
  auto entry = entries_.find(id);
  if (entry == entries_.end() || entry->second.events == events) return;
  entry->second.events = events;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry->second.fd, &event);
}

void Events::remove(Id id) {
  auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry->second.fd, nullptr);
  entries_.erase(entry);
}

void Events::dispatch() {
  std::array<epoll_event, 64> ready{};
  const int count = epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    auto entry = entries_.find(event.data.u64);
    if (entry == entries_.end()) continue;             // a function before it removed it
    const Function function = entry->second.function;  // it may remove itself
    function(event.events);
  }
}

}  // namespace paxect::panel
