#include "connection.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "certificate.h"
#include "nkey.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kRetry = 2 * kSecond;
constexpr std::uint64_t kFirstRetry = kSecond / 2;
constexpr std::int64_t kConnectBudgetMs = 10'000;  // for all servers together: a step must end
constexpr std::int64_t kPingMs = 5'000;
constexpr int kMaxPings = 2;
constexpr std::int64_t kWriteDeadlineMs = 5'000;
// Of the library's own queue between its threads, which the mailbox empties at once.
constexpr int kMaxPending = 200'000;
constexpr std::size_t kMaxWatched = 1000;
constexpr int kMaxPendingBytes = 256 * 1024 * 1024;

// The library has threads of its own, which must end with the last instance.
std::mutex library_mutex;                                 // NOLINT: the library is global
unsigned library_users = 0;                               // NOLINT
std::vector<std::shared_ptr<Mailbox>> library_mailboxes;  // NOLINT: of its callbacks

void take_library(const std::shared_ptr<Mailbox>& mailbox) {
  const std::lock_guard lock(library_mutex);
  library_mailboxes.push_back(mailbox);
  if (library_users++ == 0) nats_Open(-1);
}

// The library frees OpenSSL's list of compression methods when it is unloaded, and OpenSSL frees it once more
// when the process ends: there must be none.
void remove_compression_methods() {
  SSL_COMP_get_compression_methods();  // makes it, once in a process
  sk_SSL_COMP_free(SSL_COMP_set0_compression_methods(nullptr));
}

// The last failure that the library has noted for this thread since forget_failure(). It forgets none by
// itself, so that a known one takes its place.
void forget_failure() { natsConnection_Flush(nullptr); }
natsStatus last_failure() {
  natsStatus status = NATS_OK;
  nats_GetLastError(&status);
  return status == NATS_INVALID_ARG ? NATS_OK : status;
}

void release_library() {
  const std::lock_guard lock(library_mutex);
  if (--library_users > 0) return;
  remove_compression_methods();
  if (nats_CloseAndWait(5000) == NATS_OK) library_mailboxes.clear();
}

}  // namespace

Connection::Connection(const Host& host, const Settings& settings, std::string name)
    : host_(host),
      settings_(settings),
      name_(std::move(name)),
      mailbox_(std::make_shared<Mailbox>()),
      last_url_(settings.server_list()) {}

Connection::~Connection() { close(); }

Status Connection::open() {
  if (!settings_.nkey.empty())
    if (Status status = read_public_nkey(settings_.nkey, &nkey_); !status.ok()) return status;
  take_library(mailbox_);
  holds_library_ = true;
  return mailbox_->open();
}

void Connection::close() {
  drop();
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
  has_failed_write_ = false;
  mailbox_->clear();
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
  // The library would publish after a reconnect what it has buffered: a claim that was decided about in the
  // store before it.
  also(natsOptions_SetAllowReconnect(options, false));
  also(natsOptions_SetSendAsap(options, true));
  also(natsOptions_SetPingInterval(options, kPingMs));
  also(natsOptions_SetMaxPingsOut(options, kMaxPings));
  also(natsOptions_SetWriteDeadline(options, kWriteDeadlineMs));
  also(natsOptions_SetDisconnectedCB(options, Mailbox::on_event, mailbox_.get()));
  also(natsOptions_SetClosedCB(options, Mailbox::on_event, mailbox_.get()));
  also(natsOptions_SetErrorHandler(options, Mailbox::on_error, mailbox_.get()));
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
  const std::string words =
      natsStatus_GetText(status) + (detail == nullptr || *detail == '\0' ? "" : std::string(": ") + detail);
  return Status::failure("cannot use the settings of the connection: " + explain(words));
}

std::string Connection::explain(const std::string& words) const {
  return explain_failure(settings_, words, host_.realtime_ns() / static_cast<std::int64_t>(kSecond));
}

Status Connection::connect() {
  natsOptions* created = nullptr;
  // Opens the library, if that has failed before.
  if (const natsStatus status = natsOptions_Create(&created); status != NATS_OK)
    return Status::failure(std::string("cannot connect: the library cannot start (") +
                           natsStatus_GetText(status) + "): memory or threads are short");
  const std::unique_ptr<natsOptions, void (*)(natsOptions*)> options(created, natsOptions_Destroy);
  if (Status status = set_options(options.get()); !status.ok()) return status;
  natsStatus status = natsConnection_Connect(&connection_, options.get());
  first_server_ = (first_server_ + 1) % settings_.servers.size();
  if (status == NATS_OK) status = natsConnection_JetStream(&jetstream_, connection_, nullptr);
  if (status == NATS_OK) status = subscribe_now(mailbox_->inbox() + "*");
  for (const std::string& subject : subjects_)
    if (status == NATS_OK) status = subscribe_now(subject);
  if (status == NATS_OK) {
    last_url_ = server_url();
    forget_failure();  // that of another server, before this one
    return Status::success();
  }
  const char* detail = nats_GetLastError(nullptr);
  const std::string text = detail == nullptr || *detail == '\0' ? natsStatus_GetText(status) : detail;
  drop();
  return Status::failure("no connection to " + settings_.server_list() + ": " + explain(text));
}

std::uint64_t Connection::tend(std::uint64_t now_ns) {
  // One of the calls for the management of streams.
  if (connection_ != nullptr && last_failure() == NATS_IO_ERROR) note_failed_write();
  if (has_failed_write_) {
    problem_ = "sending to the server " + last_url_ + " failed: connecting again";
    host_.log(PAXECT_LOG_WARN, problem_);
    drop();
    retry_ns_ = now_ns + kFirstRetry;
  }
  if (connection_ != nullptr && natsConnection_Status(connection_) == NATS_CONN_STATUS_CLOSED) {
    const char* detail = nullptr;
    natsConnection_GetLastError(connection_, &detail);
    problem_ = "no connection to " + settings_.server_list() + ": " +
               (detail == nullptr || *detail == '\0' ? "the server closed it" : detail);
    drop();
    retry_ns_ = now_ns + kFirstRetry;
  }
  if (connection_ != nullptr) return now_ns + kSecond;
  if (now_ns < retry_ns_) return retry_ns_;
  const Status status = connect();
  problem_ = status.message();
  if (status.ok()) ++generation_;
  retry_ns_ = host_.monotonic_ns() + kRetry;
  return status.ok() ? now_ns : retry_ns_;
}

void Connection::end(const std::string& problem) {
  problem_ = problem;
  drop();
  retry_ns_ = 0;
}

bool Connection::is_connected() const {
  return connection_ != nullptr && !has_failed_write_ &&
         natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED;
}

std::string Connection::server_url() const {
  std::string text(1024, '\0');
  if (!is_connected() || natsConnection_GetConnectedUrl(connection_, text.data(), text.size()) != NATS_OK)
    return "";
  return text.c_str();
}

std::string Connection::problem() const {
  if (is_connected()) return "";
  return problem_.empty() ? "no connection to " + settings_.server_list() : problem_;
}

// A subscription that was not sent counts as one: the library would send it when it reconnects.
natsStatus Connection::subscribe_now(const std::string& subject) {
  natsSubscription* subscription = nullptr;
  forget_failure();
  natsStatus status = natsConnection_Subscribe(&subscription, connection_, subject.c_str(),
                                               Mailbox::on_message, mailbox_.get());
  if (status != NATS_OK) return status;
  subscriptions_.push_back(subscription);
  if (status = last_failure(); status != NATS_OK) return status;
  return natsSubscription_SetPendingLimits(subscription, kMaxPending, kMaxPendingBytes);
}

void Connection::subscribe(const std::string& subject) {
  // The sender or receiver of a start that is tried again subscribes again.
  if (std::find(subjects_.begin(), subjects_.end(), subject) != subjects_.end()) return;
  subjects_.push_back(subject);
  if (is_connected() && subscribe_now(subject) != NATS_OK) note_failed_write();
}

void Connection::subscribe_again() {
  if (!is_connected() || subscriptions_.empty()) return;
  for (std::size_t i = 1; i < subscriptions_.size(); ++i) natsSubscription_Destroy(subscriptions_[i]);
  subscriptions_.resize(1);
  for (const std::string& subject : subjects_)
    if (subscribe_now(subject) != NATS_OK) return note_failed_write();
}

void Connection::note_failed_write() {
  has_failed_write_ = true;
  forget_failure();
}

// Whether a message was written. What the library refuses before it writes anything ends no connection.
bool Connection::note_write(natsStatus status) {
  const bool is_refused = status == NATS_MAX_PAYLOAD || status == NATS_INVALID_SUBJECT ||
                          status == NATS_INVALID_ARG || status == NATS_CONNECTION_CLOSED;
  if (status != NATS_OK && !is_refused) note_failed_write();
  return status == NATS_OK;
}

bool Connection::publish(const std::string& subject, std::string_view data) {
  return is_connected() && note_write(natsConnection_Publish(connection_, subject.c_str(), data.data(),
                                                             static_cast<int>(data.size())));
}

std::uint64_t Connection::request(const std::string& subject, std::string_view data) {
  if (!is_connected()) return 0;
  const std::string reply = mailbox_->inbox() + std::to_string(requests_ + 1);
  if (!note_write(natsConnection_PublishRequest(connection_, subject.c_str(), reply.c_str(), data.data(),
                                                static_cast<int>(data.size()))))
    return 0;
  ++requests_;
  if (!watched_kind_.empty() && subject.starts_with(watched_kind_)) {
    watched_.insert(requests_);
    if (watched_.size() > kMaxWatched) watched_.erase(watched_.begin());
  }
  return requests_;
}

void Connection::watch_kind(const std::string& kind) {
  watched_kind_ = kind;
  watched_.clear();
  is_kind_answered_ = false;
}

std::unique_ptr<Message> Connection::next() {
  std::unique_ptr<Message> message = mailbox_->next();
  if (message != nullptr && watched_.contains(message->request)) is_kind_answered_ = true;
  return message;
}

std::uint64_t Connection::max_payload() const {
  return is_connected() ? static_cast<std::uint64_t>(natsConnection_GetMaxPayload(connection_)) : 0;
}

jsCtx* Connection::jetstream() { return is_connected() ? jetstream_ : nullptr; }

}  // namespace paxect::carrier
