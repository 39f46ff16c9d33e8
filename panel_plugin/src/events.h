// Descriptors to wait for, each with a function: epoll, whose own descriptor is the only one that the host
// has to watch.
//
// One thread. A function may add and remove any descriptor, its own among them.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>

#include "status.h"
#include "unique_fd.h"

namespace paxect::panel {

class Events {
 public:
  using Id = std::uint64_t;  // never used again, so that a late event cannot reach another descriptor
  using Function = std::function<void(std::uint32_t events)>;

  Status open();
  int fd() const { return epoll_.get(); }

  // 0 when the kernel cannot watch one more.
  Id add(int fd, std::uint32_t events, Function function);
  // `events` may be 0. Requires: the descriptor is still open.
  void change(Id id, std::uint32_t events);
  void remove(Id id);

  // Calls the functions of those that are ready, without waiting.
  void dispatch();

 private:
  struct Entry {
    int fd;
    std::uint32_t events;
    Function function;
  };

  UniqueFd epoll_;
  Id next_ = 1;
  std::unordered_map<Id, Entry> entries_;
};

}  // namespace paxect::panel
