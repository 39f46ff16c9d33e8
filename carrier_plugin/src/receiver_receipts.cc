// How a receiver publishes its receipts, and removes from the server what they are about.
#include <algorithm>
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::size_t kReceiptsAtOnce = 256;
constexpr std::uint64_t kMaxRecords = 64 * 1024 * 1024;

}  // namespace

Status Receiver::flush_records() {
  Status status = records_.flush();
  // What could not be flushed may be lost: everything that is known, in a new file.
  if (!status.ok()) status = rewrite_records();
  if (status.ok())
    for (const std::string& path : std::exchange(witnesses_, {})) folder_.remove(path);
  return status;
}

// Deliveries and receipts become durable with the next batch, or after a second.
void Receiver::flush_late_records(std::uint64_t now) {
  if (now < next_flush_ns_ && !host_.once()) return;
  next_flush_ns_ = now + kSecond;
  problems_.set("the records cannot be written", flush_records().message());
}

// All of them, as long as the server stores them.
void Receiver::publish_receipts() {
  // The newest first: those are the ones that others may have to be kept from delivering.
  std::vector<std::pair<std::int64_t, std::string>> order;
  order.reserve(unconfirmed_.size());
  for (const std::string& id : unconfirmed_)
    if (const auto found = delivered_.find(id); found != delivered_.end())
      order.emplace_back(-found->second.time_ns, id);
  std::sort(order.begin(), order.end());
  for (std::size_t begin = 0; begin < order.size();) {
    std::vector<std::string> ids;
    const std::size_t end = std::min(order.size(), begin + kReceiptsAtOnce);
    ids.reserve(end - begin);
    for (; begin < end; ++begin) ids.push_back(std::move(order[begin].second));
    publish_receipts(ids);
    if (!pulse() ||
        std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return unconfirmed_.contains(id); }))
      break;
  }
  remember_epoch();
  for (auto at = finished_.begin(); at != finished_.end();) {
    const bool is_stored = !unconfirmed_.contains(at->job.id);
    if (is_stored) tidy_server(*at);
    at = is_stored ? finished_.erase(at) : std::next(at);
  }
  if (records_.size() > std::max(kMaxRecords, 2 * rewritten_size_))
    if (const Status status = rewrite_records(); !status.ok()) host_.log(PAXECT_LOG_WARN, status.message());
}

// Records that this store has all receipts, so that the next process has nothing to publish again. Without a
// flush: it does that once more otherwise.
void Receiver::remember_epoch() {
  if (!unconfirmed_.empty() || seen_epoch_ == settled_epoch_) return;
  settled_epoch_ = seen_epoch_;
  records_.append("epoch " + settled_epoch_);
}

// Each goes from `unconfirmed_` when it is stored.
void Receiver::publish_receipts(const std::vector<std::string>& ids) {
  std::vector<std::string> asked;
  asked.reserve(ids.size());
  for (const std::string& id : ids) {
    const auto found = delivered_.find(id);
    if (found == delivered_.end()) continue;
    const Delivered& done = found->second;
    const Receipt receipt{.id = id,
                          .name = done.name,
                          .digest = done.digest,
                          .size = done.size,
                          .receiver = state_.token(),
                          .at = done.at};
    if (exchange_.send(names_.subject("receipt", id), receipt_text(receipt), kReplyTime,
                       [this, key = id](const Message* reply) { on_receipted(key, reply); }))
      asked.push_back(id);
  }
  // What they are about needs no flush of its own: until the next one the record of the name says after a
  // crash that it was delivered.
  exchange_.await(
      [&] {
        return std::none_of(asked.begin(), asked.end(), [&](const std::string& id) {
          return unconfirmed_.contains(id) && !disputed_receipts_.contains(id);
        });
      },
      kReplyTime, [&] { return pulse(); });
  const std::set<std::string> disputed = std::exchange(disputed_receipts_, {});
  check_receipts({disputed.begin(), disputed.end()});
}

void Receiver::on_receipted(const std::string& id, const Message* reply) {
  if (reply == nullptr || reply->status() == 503) readiness_.lose_streams();
  std::uint64_t ignored = 0;
  const Stored stored = refusals_.take(names_.subject("receipt", id), reply, &ignored);
  if (stored == Stored::kAlready) disputed_receipts_.insert(id);
  if (stored == Stored::kYes) on_receipt_stored(id);
}

void Receiver::on_receipt_stored(const std::string& id) {
  unconfirmed_.erase(id);
  records_.append("receipted " + id);  // without a flush: after a loss of power it is published once more
}

// There are receipts: they must be such as the sender accepts.
void Receiver::check_receipts(const std::vector<std::string>& ids) {
  const std::vector<Found> found = look_up("receipt", ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto done = delivered_.find(ids[i]);
    if (done == delivered_.end() || found[i].result != Lookup::kFound) continue;
    Job job;
    job.id = ids[i];
    job.name = done->second.name;
    job.digest = done->second.digest;
    job.size = done->second.size;
    if (is_receipt_of(job, found[i].text)) {
      on_receipt_stored(ids[i]);
      continue;
    }
    remove_foreign("receipt", job.id, job.name,
                   [&](std::string_view text) { return is_receipt_of(job, text); });
  }
}

// Sequences are those of the store in which they were read, and another connection may lead to another one.
void Receiver::tidy_server(const Intent& intent) {
  const bool is_same_store = intent.seen_generation == readiness_.generation();
  if (is_same_store) acknowledge(intent.ack, "+ACK");
  const std::string stream = names_.stream("data");
  if (intent.job.chunks() == 0) return;
  if (!is_same_store || intent.chunk_sequences.size() != intent.job.chunks()) {
    exchange_.post("$JS.API.STREAM.PURGE." + stream,
                   JsonObject().add("filter", names_.subject("data", intent.job.id) + ".*").text());
    return;
  }
  // The first one last: by that one the sender looks later whether any are left.
  for (auto sequence = intent.chunk_sequences.rbegin(); sequence != intent.chunk_sequences.rend(); ++sequence)
    exchange_.post("$JS.API.STREAM.MSG.DELETE." + stream,
                   JsonObject().add("seq", *sequence).add("no_erase", true).text());
}

}  // namespace paxect::carrier
