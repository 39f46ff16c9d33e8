#include "relay/lane.h"

#include <sys/eventfd.h>

#include <exception>
#include <utility>

namespace paxect::link {

Lane::Lane(Use use, const ExternalCore& core, const Encoding& encoding, Stop stop)
    : use_(use), stop_(std::move(stop)), workers_(core, encoding, [this] {
        return is_cancelled_ || ((use_ == Use::kWithinStep || is_inline_) && stop_());
      }) {}

Lane::~Lane() {
  cancel();
  if (thread_.joinable()) thread_.join();
}

void Lane::start(std::unique_ptr<Batch> batch) {
  batch_ = std::move(batch);
  is_cancelled_ = false;
  is_done_ = false;
  is_inline_ = false;
  if (try_start()) return;
  is_inline_ = true;
  write();
}

// False where the system has no thread or descriptor for it.
bool Lane::try_start() {
  if (use_ == Use::kAcrossSteps && !event_) {
    event_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event_) return false;
  }
  try {
    thread_ = std::thread([this] { write(); });
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

void Lane::write() noexcept {
  batch_->write(&workers_);
  is_done_ = true;
  // Should this fail, the relay finds out at its next step, which is never far away.
  if (event_) eventfd_write(event_.get(), 1);
}

std::unique_ptr<Batch> Lane::take() {
  if (thread_.joinable()) thread_.join();
  eventfd_t ignored = 0;
  if (event_) eventfd_read(event_.get(), &ignored);
  return std::move(batch_);
}

}  // namespace paxect::link
