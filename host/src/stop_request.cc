#include "stop_request.h"

#include <sys/eventfd.h>

#include "resources.h"

namespace paxect::host {

StopRequest::StopRequest() : event_(new_event()) {}

void StopRequest::request() {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return;
  // A first write of 1 to an eventfd cannot fail: its counter is 0.
  eventfd_write(event_.get(), 1);
}

}  // namespace paxect::host
