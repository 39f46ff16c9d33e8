#include "epoch.h"

#include <sodium.h>

#include <array>
#include <utility>

#include "digest.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 3 * kSecond;
constexpr std::size_t kBytes = 8;

}  // namespace

void Epoch::reset() {
  value_.clear();
  next_ns_ = unanswered_since_ns_ = 0;
  asked_ = missing_ = false;
}

void Epoch::note_question() {
  if (unanswered_since_ns_ == 0) unanswered_since_ns_ = host_.monotonic_ns();
}

void Epoch::take(const Message& reply) {
  if (reply.status() == 503) missing_ = true;
  if (reply.status() == 404) publish();
  if (reply.status() != 0 || !is_hex(reply.data(), 2 * kBytes)) return;
  value_ = reply.data();
  unanswered_since_ns_ = 0;
}

void Epoch::publish() {
  std::array<unsigned char, kBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  const std::string subject = names_.subject("epoch", "now");
  exchange_.send(subject, hex_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}), kReplyTime,
                 [this, subject](const Message* reply) {
                   std::uint64_t ignored = 0;
                   refusals_.take(subject, reply, &ignored);
                 });
  next_ns_ = 0;
}

void Epoch::poll(bool* missing) {
  *missing = std::exchange(missing_, false);
  const std::uint64_t now = host_.monotonic_ns();
  if (asked_ || now < next_ns_) return;
  next_ns_ = now + kSecond;
  asked_ =
      exchange_.send("$JS.API.DIRECT.GET." + names_.stream("epoch") + "." + names_.subject("epoch", "now"),
                     "", kReplyTime, [this](const Message* reply) {
                       asked_ = false;
                       if (reply != nullptr) take(*reply);
                     });
  if (asked_) note_question();
}

bool Epoch::read(const std::function<bool()>& pulse) {
  value_.clear();
  for (int attempt = 0; attempt < 3 && value_.empty() && pulse(); ++attempt) {
    note_question();
    exchange_.ask("$JS.API.DIRECT.GET." + names_.stream("epoch") + "." + names_.subject("epoch", "now"), "",
                  kReplyTime, pulse, [this](const Message& reply) { take(reply); });
  }
  return !value_.empty();
}

}  // namespace paxect::carrier
