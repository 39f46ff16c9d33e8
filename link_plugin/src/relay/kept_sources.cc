#include "relay/kept_sources.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <vector>

#include "base/filesystem.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

std::uint64_t delivered_in(const Receipt& receipt) {
  std::uint64_t count = 0;
  for (const OutcomeRange& range : receipt.outcomes)
    if (range.outcome == Outcome::kDelivered) count += range.last - range.first + 1;
  return count;
}

}  // namespace

SentLast last_list_of(const SentStream& stream) {
  return {.stream = stream.name, .number = stream.next - 1, .digest = stream.previous};
}

bool KeptSources::tend() {
  if (parts_.config.mode != Mode::kSend || !parts_.config.sign_key.key()) return false;
  const bool resends = take_resend();
  const bool has_new = read_receipts();
  if (has_new) parts_.journal.confirm(counts().confirmed_through);
  const auto& kept = parts_.journal.sent().kept();
  // Without a new receipt nothing has changed but the time.
  if (!is_on() || (parts_.config.keep == Keep::kReceipt && !has_new && kept.size() == kept_)) return resends;
  const std::int64_t now_s = parts_.host.realtime_ns() / kSecondNs;
  std::vector<SentStream::EntryNumber> over;
  for (const auto& [number, source] : kept)
    if (is_over(number, source, now_s)) over.push_back(number);
  parts_.journal.release(over);
  kept_ = kept.size();
  return resends || !over.empty();
}

// Sources that count as not delivered again. A container with the digest of the one before gets no second
// entry.
bool KeptSources::take_resend() {
  const std::string path = resend_of(parts_.config.state);
  std::string text;
  Status status = read_file(path, kMaxStatementSize, &text);
  if (status.fault == Fault::kGone) return false;
  std::istringstream lines(text);
  std::uint64_t count = 0;
  for (SentStream::EntryNumber number; status.ok() && lines >> number.first >> number.second;) {
    const auto& kept = parts_.journal.sent().kept();
    const auto found = kept.find(number);
    if (found == kept.end()) continue;
    parts_.journal.forget(found->second.entry.place, found->second.entry.source);
    ++count;
  }
  if (status.ok() && unlink(path.c_str()) != 0) status = io_failure("remove", path, errno);
  parts_.reporter.report_problem("resend", status.message);
  if (status.ok())
    parts_.reporter.log({.name = "resend",
                         .source = path,
                         .status = "ok",
                         .message = "containers that are sent again under their numbers",
                         .numbers = {{"count", count}}});
  return count > 0;
}

bool KeptSources::is_over(const SentStream::EntryNumber& number, const KeptSource& source,
                          std::int64_t now_s) const {
  if (parts_.config.keep == Keep::kDuration) return now_s - source.made >= parts_.config.keep_s;
  return std::all_of(parts_.config.to.begin(), parts_.config.to.end(), [&](const std::string& node) {
    const auto outcome = receipts_.outcome_of(node, number.first, number.second);
    return outcome && outcome->outcome == Outcome::kDelivered;
  });
}

bool KeptSources::read_receipts() {
  std::vector<PinnedKey> keys;
  Status status = read_pinned_keys(parts_.config.peers, &keys);
  if (status.ok() && keys != keys_) {
    keys_ = std::move(keys);
    receipts_.forget();
  }
  bool has_new = false;
  const SentLast last = last_list_of(parts_.journal.sent());
  for (const std::string& folder : {imported_receipts_of(parts_.config.state), parts_.config.receipts_in}) {
    if (folder.empty() || !status.ok()) continue;
    status = receipts_.read(
        folder, parts_.config.node, keys_, last,
        [&](const FoundReceipt& found) {
          has_new = true;
          const Receipt& receipt = found.receipt;
          parts_.reporter.log(
              {.name = "receipted",
               .source = found.path,
               .status = "ok",
               .message = "peer=" + receipt.head.from + " sha256=" + found.digest,
               .numbers = {{"number", receipt.head.number},
                           {"through", receipt.outcomes.empty() ? 0 : receipt.outcomes.back().last},
                           {"delivered", delivered_in(receipt)}},
               .texts = {{"stream", receipt.about}, {"peer", receipt.head.from}}});
        },
        [&](const std::string& path, const std::string& why) {
          parts_.reporter.log({.level = Level::kWarn,
                               .name = "receipt_reject",
                               .source = path,
                               .status = "rejected",
                               .message = why});
        });
    // The one that receipts are imported to need not exist.
    if (status.fault == Fault::kGone || folder != parts_.config.receipts_in) status = Status::success();
  }
  parts_.reporter.report_problem("receipts", status.message);
  return has_new;
}

}  // namespace paxect::link
