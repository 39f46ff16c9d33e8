// The records of a receiver: what it has delivered, and what a crash may have interrupted.
#include <algorithm>
#include <charconv>
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::size_t kMaxDelivered = 1'000'000;

}  // namespace

Status Receiver::rewrite_records() {
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [id, done] : delivered_) order.emplace_back(done.time_ns, id);
  std::sort(order.begin(), order.end());
  const std::size_t surplus = order.size() - std::min(order.size(), kMaxDelivered);
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::string& id = order[i].second;
    if (i < surplus && !unconfirmed_.contains(id)) {
      delivered_.erase(id);
      continue;
    }
    kept.push_back(delivered_record(id, delivered_.at(id)));
    if (!unconfirmed_.contains(id)) kept.push_back("receipted " + id);
  }
  if (!settled_epoch_.empty()) kept.push_back("epoch " + settled_epoch_);
  for (const auto& [id, intent] : intents_) {
    kept.push_back(intent_record(intent));
    if (!intent.at.empty()) kept.push_back(naming_record(intent));
  }
  Status status = records_.rewrite(state_.path("receiver.records"), kept);
  rewritten_size_ = records_.size();
  return status;
}

std::string Receiver::intent_record(const Intent& intent) {
  const std::string run = intent.run.empty() ? "" : intent.run + " ";
  return "intent " + std::to_string(intent.inode) + " " + run + job_text(intent.job);
}

// INODE [RUN] JOB: earlier versions wrote no run.
bool Receiver::parse_intent(std::string_view text, Intent* out) {
  constexpr std::size_t kRun = 16;
  const std::size_t first = text.find(' ');
  if (first == std::string_view::npos) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + first, out->inode);
  if (error != std::errc() || end != text.data() + first) return false;
  text.remove_prefix(first + 1);
  if (text.size() > kRun && text[kRun] == ' ' && is_hex(text.substr(0, kRun), kRun)) {
    out->run = text.substr(0, kRun);
    text.remove_prefix(kRun + 1);
  }
  out->is_recovered = true;
  return parse_job(text, &out->job);
}

std::string Receiver::naming_record(const Intent& intent) {
  return "naming " + JsonObject().add("id", intent.job.id).add("at", intent.at).text();
}

void Receiver::take_naming(std::string_view text) {
  const JsonReader reader(text);
  std::string id;
  std::string at;
  if (!reader.get("id", &id) || !reader.get("at", &at)) return;
  const auto found = intents_.find(id);
  if (found == intents_.end()) return;
  found->second.at = at;
  found->second.may_be_renamed = true;
}

std::string Receiver::delivered_record(const std::string& id, const Delivered& done) {
  JsonObject object;
  object.add("id", id).add("name", done.name).add("digest", done.digest).add("size", done.size);
  return "delivered " + object.add("at", done.at).add("time_ns", done.time_ns).text();
}

}  // namespace paxect::carrier
