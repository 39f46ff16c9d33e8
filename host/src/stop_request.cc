#include "stop_request.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

namespace paxect::host {

StopRequest::StopRequest() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.valid()) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void StopRequest::request() {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return;
  // A first write of 1 to an eventfd cannot fail: its counter is 0.
  eventfd_write(event_.get(), 1);
}

}  // namespace paxect::host
