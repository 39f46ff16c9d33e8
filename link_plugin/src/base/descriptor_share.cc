#include "base/descriptor_share.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace paxect::link {
namespace {

constexpr rlim_t kMaxLimit = 1 << 20;  // where the limit is none

// State of the process, as the limit is. A relay cannot count what the others have open: they open and close
// at the same time.
std::atomic<std::size_t> shares{0};

}  // namespace

DescriptorShare::DescriptorShare() { ++shares; }
DescriptorShare::~DescriptorShare() { --shares; }

std::size_t DescriptorShare::max_open() const {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = kMaxLimit;
  return static_cast<std::size_t>(std::min(limit.rlim_cur, kMaxLimit)) / std::max<std::size_t>(shares, 1);
}

}  // namespace paxect::link
