#include "descriptor.h"

#include <unistd.h>

#include <cerrno>

namespace paxect::core {

int Descriptor::close() {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? 0 : errno;
}

}  // namespace paxect::core
