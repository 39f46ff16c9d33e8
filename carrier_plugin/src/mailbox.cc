#include "mailbox.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <charconv>
#include <cstdlib>
#include <utility>

namespace paxect::carrier {
namespace {

constexpr std::size_t kMaxMessages = 100'000;
constexpr std::size_t kMaxRequestedBytes =
    std::size_t{256} * 1024 * 1024;  // a fetch of lists brings up to 64 MiB
constexpr std::size_t kMaxHeardBytes = std::size_t{32} * 1024 * 1024;
constexpr std::size_t kOverhead = 512;  // of a message in memory

}  // namespace

std::string_view Message::data() const {
  const char* data = natsMsg_GetData(message_.get());
  return {data == nullptr ? "" : data, static_cast<std::size_t>(natsMsg_GetDataLength(message_.get()))};
}

// A direct get returns the headers that a message was stored with, and behind them those of the server.
std::string_view Message::header(const char* name) const {
  const char** values = nullptr;
  int count = 0;
  if (natsMsgHeader_Values(message_.get(), name, &values, &count) != NATS_OK) return {};
  const std::string_view last = count == 0 ? std::string_view() : text(values[count - 1]);
  std::free(values);  // the array alone: the strings are those of the message
  return last;
}

// A status comes from the server to an inbox. What has a number or a subject to acknowledge it was published
// by somebody, whatever its headers say.
int Message::status() const {
  if (natsMsg_GetDataLength(message_.get()) > 0 || sequence() != 0 || !reply().empty()) return 0;
  const std::string_view digits = header("Status");
  int status = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), status);
  return status;
}

std::uint64_t Message::sequence() const {
  const std::string_view digits = header("Nats-Sequence");
  std::uint64_t sequence = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  return sequence;
}

Status Mailbox::open() {
  event_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_.valid()) return Status::system("cannot create an eventfd");
  natsInbox* inbox = nullptr;
  if (natsInbox_Create(&inbox) != NATS_OK) return Status::failure("cannot connect: out of memory");
  inbox_ = std::string(inbox) + ".";
  natsInbox_Destroy(inbox);
  return Status::success();
}

std::unique_ptr<Message> Mailbox::next() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return nullptr;
  Kept kept = std::move(queue_.front());
  queue_.pop_front();
  Load& own = load(kept.is_requested);
  --own.messages;
  own.bytes -= kept.bytes;
  return std::move(kept.message);
}

void Mailbox::wait(int milliseconds) {
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty()) return;
  }
  pollfd watch{.fd = event_.get(), .events = POLLIN, .revents = 0};
  if (poll(&watch, 1, milliseconds) > 0) {
    eventfd_t ignored = 0;
    eventfd_read(event_.get(), &ignored);
  }
}

void Mailbox::clear() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
  requested_ = heard_ = {};
}

std::uint64_t Mailbox::take_dropped() {
  const std::lock_guard lock(mutex_);
  return std::exchange(dropped_, 0);
}

bool Mailbox::push(natsSubscription* subscription, natsMsg* raw) {
  auto message = std::make_unique<Message>(raw);
  if (const std::string_view subject = message->subject(); subject.starts_with(inbox_)) {
    const std::string_view digits = subject.substr(inbox_.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), message->request);
  }
  // A message of a stream keeps its subject: only its subscription shows that it was requested.
  const char* by = natsSubscription_GetSubject(subscription);
  Kept kept{.message = std::move(message),
            .bytes = static_cast<std::size_t>(natsMsg_GetDataLength(raw)) + kOverhead,
            .is_requested = by != nullptr && std::string_view(by).starts_with(inbox_)};
  const std::lock_guard lock(mutex_);
  Load& own = load(kept.is_requested);
  const std::size_t max_bytes = kept.is_requested ? kMaxRequestedBytes : kMaxHeardBytes;
  if (own.messages >= kMaxMessages || own.bytes + kept.bytes > max_bytes) {
    ++dropped_;
    return false;
  }
  ++own.messages;
  own.bytes += kept.bytes;
  queue_.push_back(std::move(kept));
  return queue_.size() == 1;
}

void Mailbox::wake() { eventfd_write(event_.get(), 1); }

void Mailbox::on_message(natsConnection*, natsSubscription* subscription, natsMsg* message, void* closure) {
  auto* self = static_cast<Mailbox*>(closure);
  try {
    if (self->push(subscription, message)) self->wake();
  } catch (...) {  // out of memory: the request runs into its time limit
  }
}

void Mailbox::on_event(natsConnection*, void* closure) { static_cast<Mailbox*>(closure)->wake(); }

void Mailbox::on_error(natsConnection* connection, natsSubscription*, natsStatus error, void* closure) {
  auto* self = static_cast<Mailbox*>(closure);
  const char* detail = nullptr;
  natsConnection_GetLastError(connection, &detail);
  try {
    const std::lock_guard lock(self->mutex_);
    self->errors_.emplace_back(detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(error));
    if (self->errors_.size() > kMaxErrors) self->errors_.pop_front();
  } catch (...) {
  }
  self->wake();
}

std::string Mailbox::take_error() {
  const std::lock_guard lock(mutex_);
  if (errors_.empty()) return "";
  std::string error = std::move(errors_.front());
  errors_.pop_front();
  return error;
}

}  // namespace paxect::carrier
