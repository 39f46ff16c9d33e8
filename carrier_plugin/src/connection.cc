#include "connection.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "nkey.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kRetry = 2 * kSecond;
constexpr std::int64_t kConnectBudgetMs = 10'000;  // for all servers together: a step must end
constexpr std::int64_t kPingMs = 5'000;
constexpr int kMaxPings = 2;
constexpr std::int64_t kWriteDeadlineMs = 5'000;
constexpr std::int64_t kReconnectMs = 500;

// The library has threads of its own, which must end with the last instance.
std::mutex library_mutex;    // NOLINT: the library is global
unsigned library_users = 0;  // NOLINT

void take_library() {
  const std::lock_guard lock(library_mutex);
  if (library_users++ == 0) nats_Open(-1);
}

void release_library() {
  const std::lock_guard lock(library_mutex);
  if (--library_users == 0) nats_CloseAndWait(5000);
}

}  // namespace

std::string_view Message::data() const {
  const char* data = natsMsg_GetData(message_.get());
  return {data == nullptr ? "" : data, static_cast<std::size_t>(natsMsg_GetDataLength(message_.get()))};
}

std::string_view Message::header(const char* name) const {
  const char* value = nullptr;
  return natsMsgHeader_Get(message_.get(), name, &value) == NATS_OK ? text(value) : std::string_view();
}

int Message::status() const {
  if (natsMsg_GetDataLength(message_.get()) > 0) return 0;
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

Connection::Connection(const Host& host, const Settings& settings, std::string name)
    : host_(host), settings_(settings), name_(std::move(name)) {}

Connection::~Connection() { close(); }

Status Connection::open() {
  event_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_.valid()) return Status::system("cannot create an eventfd");
  if (!settings_.nkey.empty())
    if (Status status = read_public_nkey(settings_.nkey, &nkey_); !status.ok()) return status;
  take_library();
  holds_library_ = true;
  return Status::success();
}

void Connection::close() {
  drop();
  {
    const std::lock_guard lock(mutex_);
    queue_.clear();
  }
  if (holds_library_) release_library();
  holds_library_ = false;
}

void Connection::drop() {
  for (natsSubscription* subscription : subscriptions_) natsSubscription_Destroy(subscription);
  subscriptions_.clear();
  jsCtx_Destroy(jetstream_);
  jetstream_ = nullptr;
  if (connection_ != nullptr) {
    natsConnection_Close(connection_);
    natsConnection_Destroy(connection_);
  }
  connection_ = nullptr;
}

Status Connection::set_options(natsOptions* options) {
  std::vector<const char*> servers;
  for (std::size_t i = 0; i < settings_.servers.size(); ++i)
    servers.push_back(settings_.servers[(first_server_ + i) % settings_.servers.size()].c_str());
  const auto timeout =
      std::max<std::int64_t>(kConnectBudgetMs / static_cast<std::int64_t>(servers.size()), 500);
  natsStatus status = natsOptions_SetServers(options, servers.data(), static_cast<int>(servers.size()));
  const auto also = [&](natsStatus next) {
    if (status == NATS_OK) status = next;
  };
  also(natsOptions_SetNoRandomize(options, true));
  also(natsOptions_SetName(options, name_.c_str()));
  also(natsOptions_SetTimeout(options, std::min<std::int64_t>(timeout, 2000)));
  also(natsOptions_SetAllowReconnect(options, true));
  also(natsOptions_SetMaxReconnect(options, -1));
  also(natsOptions_SetReconnectWait(options, kReconnectMs));
  also(natsOptions_SetPingInterval(options, kPingMs));
  also(natsOptions_SetMaxPingsOut(options, kMaxPings));
  also(natsOptions_SetWriteDeadline(options, kWriteDeadlineMs));
  also(natsOptions_SetReconnectedCB(options, on_reconnected, this));
  also(natsOptions_SetDisconnectedCB(options, on_event, this));
  also(natsOptions_SetClosedCB(options, on_event, this));
  also(natsOptions_SetErrorHandler(options, on_error, this));
  if (!settings_.credentials.empty())
    also(natsOptions_SetUserCredentialsFromFiles(options, settings_.credentials.c_str(), nullptr));
  if (!nkey_.empty()) also(natsOptions_SetNKeyFromSeed(options, nkey_.c_str(), settings_.nkey.c_str()));
  if (settings_.tls) also(natsOptions_SetSecure(options, true));
  if (!settings_.tls_ca.empty())
    also(natsOptions_LoadCATrustedCertificates(options, settings_.tls_ca.c_str()));
  if (!settings_.tls_cert.empty())
    also(natsOptions_LoadCertificatesChain(options, settings_.tls_cert.c_str(), settings_.tls_key.c_str()));
  if (status == NATS_OK) return Status::success();
  const char* detail = nats_GetLastError(nullptr);
  return Status::failure(std::string("cannot use the settings of the connection: ") +
                         natsStatus_GetText(status) +
                         (detail == nullptr || *detail == '\0' ? "" : std::string(": ") + detail));
}

Status Connection::connect() {
  natsOptions* created = nullptr;
  if (natsOptions_Create(&created) != NATS_OK) return Status::failure("cannot connect: out of memory");
  const std::unique_ptr<natsOptions, void (*)(natsOptions*)> options(created, natsOptions_Destroy);
  if (Status status = set_options(options.get()); !status.ok()) return status;
  natsStatus status = natsConnection_Connect(&connection_, options.get());
  first_server_ = (first_server_ + 1) % settings_.servers.size();
  if (status == NATS_OK) status = natsConnection_JetStream(&jetstream_, connection_, nullptr);
  natsInbox* inbox = nullptr;
  if (status == NATS_OK) status = natsInbox_Create(&inbox);
  if (status == NATS_OK) {
    inbox_ = std::string(inbox) + ".";
    natsInbox_Destroy(inbox);
    status = subscribe_now(inbox_ + "*");
  }
  for (const std::string& subject : subjects_)
    if (status == NATS_OK) status = subscribe_now(subject);
  if (status == NATS_OK) return Status::success();
  const char* detail = nats_GetLastError(nullptr);
  const std::string text = detail == nullptr || *detail == '\0' ? natsStatus_GetText(status) : detail;
  drop();
  return Status::failure("no connection to " + settings_.server_list() + ": " + text);
}

std::uint64_t Connection::tend(std::uint64_t now_ns) {
  if (connection_ != nullptr && natsConnection_Status(connection_) == NATS_CONN_STATUS_CLOSED) {
    // The library gives up when a server refuses the credentials twice. They may be valid again later.
    const char* detail = nullptr;
    natsConnection_GetLastError(connection_, &detail);
    {
      const std::lock_guard lock(mutex_);
      problem_ = "the connection to " + settings_.server_list() +
                 " was closed: " + (detail == nullptr || *detail == '\0' ? "no reason given" : detail);
    }
    drop();
    retry_ns_ = now_ns + kRetry;
  }
  if (connection_ != nullptr) return now_ns + kSecond;
  if (now_ns < retry_ns_) return retry_ns_;
  const Status status = connect();
  const std::lock_guard lock(mutex_);
  problem_ = status.message();
  if (status.ok()) ++generation_;
  retry_ns_ = host_.monotonic_ns() + kRetry;
  return status.ok() ? now_ns : retry_ns_;
}

bool Connection::is_connected() const {
  return connection_ != nullptr && natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED;
}

std::string Connection::server_url() const {
  std::string text(1024, '\0');
  if (!is_connected() || natsConnection_GetConnectedUrl(connection_, text.data(), text.size()) != NATS_OK)
    return "";
  return text.c_str();
}

std::string Connection::problem() const {
  const std::lock_guard lock(mutex_);
  return is_connected() ? "" : problem_;
}

natsStatus Connection::subscribe_now(const std::string& subject) {
  natsSubscription* subscription = nullptr;
  natsStatus status = natsConnection_Subscribe(&subscription, connection_, subject.c_str(), on_message, this);
  if (status != NATS_OK) return status;
  subscriptions_.push_back(subscription);
  return natsSubscription_SetPendingLimits(subscription, -1, -1);
}

void Connection::subscribe(const std::string& subject) {
  subjects_.push_back(subject);
  if (connection_ != nullptr) subscribe_now(subject);
}

bool Connection::publish(const std::string& subject, std::string_view data) {
  return is_connected() && natsConnection_Publish(connection_, subject.c_str(), data.data(),
                                                  static_cast<int>(data.size())) == NATS_OK;
}

std::uint64_t Connection::request(const std::string& subject, std::string_view data) {
  if (!is_connected()) return 0;
  const std::string reply = inbox_ + std::to_string(requests_ + 1);
  if (natsConnection_PublishRequest(connection_, subject.c_str(), reply.c_str(), data.data(),
                                    static_cast<int>(data.size())) != NATS_OK)
    return 0;
  return ++requests_;
}

std::unique_ptr<Message> Connection::next() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return nullptr;
  std::unique_ptr<Message> message = std::move(queue_.front());
  queue_.pop_front();
  return message;
}

void Connection::wait(int milliseconds) {
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

jsCtx* Connection::jetstream() { return is_connected() ? jetstream_ : nullptr; }

void Connection::push(natsMsg* raw) {
  auto message = std::make_unique<Message>(raw);
  if (const std::string_view subject = message->subject(); subject.starts_with(inbox_)) {
    const std::string_view digits = subject.substr(inbox_.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), message->request);
  }
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(message));
}

void Connection::wake() {
  if (event_.valid()) eventfd_write(event_.get(), 1);
}

void Connection::on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  try {
    self->push(message);
  } catch (...) {  // out of memory: the request runs into its time limit
  }
  self->wake();
}

void Connection::on_reconnected(natsConnection*, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  ++self->generation_;
  self->wake();
}

void Connection::on_event(natsConnection* connection, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  const char* detail = nullptr;
  natsConnection_GetLastError(connection, &detail);
  try {
    const std::lock_guard lock(self->mutex_);
    self->problem_ = "no connection to " + self->settings_.server_list();
    if (detail != nullptr && *detail != '\0') self->problem_ += std::string(": ") + detail;
  } catch (...) {
  }
  self->wake();
}

void Connection::on_error(natsConnection* connection, natsSubscription*, natsStatus error, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  const char* detail = nullptr;
  natsConnection_GetLastError(connection, &detail);
  try {
    const std::lock_guard lock(self->mutex_);
    self->error_ = detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(error);
  } catch (...) {
  }
  self->wake();
}

std::string Connection::take_error() {
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, {});
}

}  // namespace paxect::carrier
