#include "consumer_watch.h"

#include <algorithm>

#include "json_object.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kAckWaits = 6;
// A job that a receiver gives back comes again after 30 seconds at the latest.
constexpr std::uint64_t kMinPatience = 45 * kSecond;
constexpr std::uint64_t kMaxPatience = 3600 * kSecond;

// The number NAME in the object WHERE of `info`, or in itself.
bool get_number(const JsonReader& info, const char* where, const char* name, std::uint64_t* out) {
  const json::Value* object = info.find(where);
  if (object == nullptr || !object->IsObject()) return false;
  const auto member = object->FindMember(name);
  if (member == object->MemberEnd() || !member->value.IsUint64()) return false;
  *out = member->value.GetUint64();
  return true;
}

}  // namespace

bool parse_consumer(std::string_view text, ConsumerState* out) {
  const JsonReader info(text);
  // One without a limit has -1, which is no number here, or none.
  if (!get_number(info, "config", "max_ack_pending", &out->max_in_hand)) out->max_in_hand = UINT64_MAX;
  return info.get("created", &out->created) && get_number(info, "config", "ack_wait", &out->ack_wait_ns) &&
         get_number(info, "delivered", "consumer_seq", &out->given) &&
         get_number(info, "ack_floor", "consumer_seq", &out->acknowledged) &&
         info.get("num_ack_pending", &out->in_hand) && info.get("num_pending", &out->left);
}

bool ConsumerWatch::observe(const ConsumerState& state, std::uint64_t held, std::uint64_t now_ns) {
  const bool is_same = state.created == last_.created && state.given == last_.given &&
                       state.acknowledged == last_.acknowledged && state.in_hand == last_.in_hand;
  const bool can_give = state.left > 0 && state.in_hand < state.max_in_hand;
  last_ = state;
  if (since_ns_ == 0 || !is_same || (!can_give && state.in_hand <= held)) {
    since_ns_ = now_ns;
    return false;
  }
  const std::uint64_t patience = std::max(kAckWaits * state.ack_wait_ns, kMinPatience);
  if (now_ns - since_ns_ < std::max(patience, std::min(patience << rounds_, kMaxPatience))) return false;
  rounds_ = std::min(rounds_ + 1, 12U);
  works_since_ns_ = 0;
  return true;
}

}  // namespace paxect::carrier
