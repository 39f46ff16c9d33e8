// How many descriptors one relay may have open. The limit is one of the process (RLIMIT_NOFILE), and a host
// runs several relays in one process, each in a thread of its own: they share it equally.
//
// Safe for several threads.
#pragma once

#include <cstddef>

namespace paxect::link {

// The part of one relay, for as long as this object exists.
class DescriptorShare {
 public:
  DescriptorShare();
  ~DescriptorShare();
  DescriptorShare(const DescriptorShare&) = delete;
  DescriptorShare& operator=(const DescriptorShare&) = delete;

  // The limit, divided by the number of shares.
  std::size_t max_open() const;
};

}  // namespace paxect::link
