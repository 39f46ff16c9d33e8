#include "known_receivers.h"

#include <algorithm>
#include <utility>

#include "digest.h"
#include "json_object.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000'000;
constexpr std::int64_t kAbsentDays = 35;                // the age at which the server removes lists
constexpr std::uint64_t kMinDay = 20 * 3600 * kSecond;  // between two days of one process
constexpr unsigned kMisses = 3;                         // one that is alive makes its consumer again
constexpr std::size_t kTokenSize = KnownReceivers::kIdSize;
constexpr std::size_t kMaxPlace = 300;

}  // namespace

bool KnownReceivers::Receiver::is_absent() const { return absent_days >= kAbsentDays; }

std::string KnownReceivers::record_of(const std::string& id, const Receiver& receiver) {
  JsonObject object;
  object.add("record", "receiver").add("id", id).add("seen_ns", receiver.seen_ns);
  object.add("epoch", receiver.epoch).add("counted_day", receiver.counted_day);
  object.add("absent_days", receiver.absent_days);
  if (!receiver.place.empty()) object.add("place", receiver.place);
  return object.text();
}

bool KnownReceivers::take_record(std::string_view text) {
  const JsonReader reader(text);
  std::string what;
  std::string id;
  if (!reader.get("record", &what) || !reader.get("id", &id) || !is_hex(id, kTokenSize)) return false;
  if (what == "no receiver" || what == "forgotten receiver") receivers_.erase(id);
  if (what == "forgotten receiver") forgotten_.insert(id);
  if (what == "receiver") forgotten_.erase(id);
  Receiver receiver;
  if (what != "receiver" || !reader.get("seen_ns", &receiver.seen_ns) ||
      !reader.get("epoch", &receiver.epoch))
    return what == "no receiver" || what == "forgotten receiver";
  // Records of older versions have none.
  reader.get("counted_day", &receiver.counted_day);
  reader.get("absent_days", &receiver.absent_days);
  reader.get("place", &receiver.place);
  receiver.recorded_ns = receiver.seen_ns;
  receivers_[id] = receiver;
  return true;
}

std::vector<std::string> KnownReceivers::records() const {
  std::vector<std::string> texts;
  texts.reserve(receivers_.size());
  for (const auto& [id, receiver] : receivers_) texts.push_back(record_of(id, receiver));
  for (const std::string& id : forgotten_)
    texts.push_back(JsonObject().add("record", "forgotten receiver").add("id", id).text());
  return texts;
}

bool KnownReceivers::note_sign(const std::string& id, std::int64_t realtime_ns, std::uint64_t monotonic_ns,
                               std::string* record) {
  record->clear();
  if (!is_hex(id, kTokenSize)) return false;
  const auto found = receivers_.find(id);
  const bool is_new = found == receivers_.end();
  if (is_new && receivers_.size() >= kMax) return false;
  forgotten_.erase(id);
  Receiver& receiver = is_new ? receivers_[id] : found->second;
  const bool was_silent = receiver.sign_ns == 0 || monotonic_ns - receiver.sign_ns > kSilent;
  receiver.sign_ns = monotonic_ns;
  receiver.seen_ns = realtime_ns;
  receiver.misses = 0;
  const bool was_counted = std::exchange(receiver.absent_days, 0) != 0;
  receiver.counted_day = realtime_ns / kDay;
  if (is_new || was_counted || realtime_ns - receiver.recorded_ns > kDay ||
      realtime_ns < receiver.recorded_ns) {
    receiver.recorded_ns = realtime_ns;
    *record = record_of(id, receiver);
  }
  return was_silent;
}

void KnownReceivers::take_consumers(const std::set<std::string>& names, const std::string& epoch,
                                    std::int64_t realtime_ns, std::vector<std::string>* records) {
  for (const std::string& id : names) {
    if (!is_hex(id, kTokenSize) || forgotten_.contains(id)) continue;  // that of somebody who looks into it
    auto found = receivers_.find(id);
    if (found == receivers_.end() && receivers_.size() >= kMax) continue;
    if (found == receivers_.end())
      found = receivers_.emplace(id, Receiver{.seen_ns = realtime_ns, .recorded_ns = realtime_ns, .epoch{}})
                  .first;
    found->second.misses = 0;
    found->second.counted_day = std::max(found->second.counted_day, realtime_ns / kDay);
    if (std::exchange(found->second.epoch, epoch) != epoch) records->push_back(record_of(id, found->second));
  }
  for (auto at = receivers_.begin(); at != receivers_.end();) {
    const bool was_there = !epoch.empty() && at->second.epoch == epoch;
    if (names.contains(at->first) ||
        (!at->second.is_absent() && (!was_there || ++at->second.misses < kMisses))) {
      ++at;
      continue;
    }
    records->push_back(JsonObject().add("record", "no receiver").add("id", at->first).text());
    at = receivers_.erase(at);
  }
}

void KnownReceivers::count_day(std::int64_t realtime_ns, std::uint64_t monotonic_ns,
                               std::vector<std::string>* records) {
  const std::int64_t day = realtime_ns / kDay;
  if (day == counted_day_ || (counted_ns_ != 0 && monotonic_ns - counted_ns_ < kMinDay)) return;
  counted_day_ = day;
  counted_ns_ = monotonic_ns;
  for (auto& [id, receiver] : receivers_) {
    if (is_there(id, monotonic_ns) || receiver.counted_day == day || receiver.is_absent()) continue;
    receiver.counted_day = day;
    ++receiver.absent_days;
    records->push_back(record_of(id, receiver));
  }
}

std::string KnownReceivers::next_other(const std::set<std::string>& ids, const std::string& after,
                                       const std::function<bool(const std::string&)>& is_meant) const {
  for (auto at = receivers_.upper_bound(after); at != receivers_.end(); ++at)
    if (!ids.contains(at->first) && !at->second.is_absent() && (!is_meant || is_meant(at->first)))
      return at->first;
  return "";
}

std::size_t KnownReceivers::count_others(const std::set<std::string>& ids) const {
  return static_cast<std::size_t>(std::count_if(receivers_.begin(), receivers_.end(), [&](const auto& one) {
    return !ids.contains(one.first) && !one.second.is_absent();
  }));
}

bool KnownReceivers::is_there(const std::string& id, std::uint64_t monotonic_ns) const {
  const auto found = receivers_.find(id);
  return found != receivers_.end() && found->second.sign_ns != 0 &&
         monotonic_ns - found->second.sign_ns <= kSilent;
}

std::string KnownReceivers::note_place(const std::string& id, const std::string& place) {
  const auto found = receivers_.find(id);
  if (found == receivers_.end() || found->second.place == place.substr(0, kMaxPlace)) return "";
  found->second.place = place.substr(0, kMaxPlace);
  return record_of(id, found->second);
}

bool KnownReceivers::forget(const std::string& id, std::uint64_t monotonic_ns, std::string* record) {
  if (!receivers_.contains(id) || is_there(id, monotonic_ns)) return false;
  receivers_.erase(id);
  if (forgotten_.size() >= kMax) forgotten_.erase(forgotten_.begin());
  forgotten_.insert(id);
  *record = JsonObject().add("record", "forgotten receiver").add("id", id).text();
  return true;
}

void KnownReceivers::for_each(const std::function<void(const Known&)>& each) const {
  for (const auto& [id, receiver] : receivers_)
    each({.id = id, .place = receiver.place, .seen_ns = receiver.seen_ns, .is_absent = receiver.is_absent()});
}

std::string KnownReceivers::next(const std::string& after) const {
  const auto known = receivers_.upper_bound(after);
  const auto forgotten = forgotten_.upper_bound(after);
  if (forgotten == forgotten_.end()) return known == receivers_.end() ? "" : known->first;
  return known == receivers_.end() || *forgotten < known->first ? *forgotten : known->first;
}

}  // namespace paxect::carrier
