#include "relay/kept_sources.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/filesystem.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "records/range_sets.h"
#include "records/request_file.h"
#include "records/resend_line.h"
#include "records/write_off.h"
#include "settings/setting_reader.h"

namespace paxect::link {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kEarliestTime = 1'735'689'600;  // 2025-01-01: no list of ours is older
// A clock that is ahead of the last sign of life by more is doubted for so long: a machine without a battery
// may have a wrong one until it has asked a server.
constexpr std::int64_t kDoubtfulGap = 86'400;  // s
constexpr std::size_t kReadsInScan = 512;      // of receipts
constexpr std::uint64_t kDoubt = std::uint64_t{3600} * kSecond;

std::uint64_t delivered_in(const Receipt& receipt) {
  std::uint64_t count = 0;
  for (const OutcomeRange& range : receipt.outcomes)
    if (range.outcome == Outcome::kDelivered) count += range.last - range.first + 1;
  return count;
}

}  // namespace

std::vector<std::string> receivers_of(const KeptSource& source) {
  std::vector<std::string> nodes;
  split_command(source.to, &nodes);
  return nodes;
}

EntryRanges kept_for_nobody(const SentStream& sent, const std::string& stream, const PeerReceipts& receipts,
                            const LinkConfig& config) {
  EntryRanges found;
  if (config.keep == Keep::kDuration) return found;
  for (auto source = sent.kept().lower_bound({stream, 0});
       source != sent.kept().end() && source->first.first == stream; ++source) {
    const std::uint64_t entry = source->first.second;
    std::vector<std::string> to = receivers_of(source->second);
    if (to.empty()) to = config.to;
    bool is_written_off = false;
    const bool is_over = std::all_of(to.begin(), to.end(), [&](const std::string& node) {
      const auto outcome = receipts.outcome_of(node, stream, entry);
      if (!outcome || outcome->outcome == Outcome::kDelivered) return outcome.has_value();
      is_written_off = true;
      return outcome->outcome == Outcome::kRefused && outcome->reason == kWrittenOff;
    });
    if (is_over && is_written_off) add_range(&found, entry, entry);
  }
  return found;
}

bool KeptSources::tend() {
  if (parts_.config.mode != Mode::kSend) return false;
  const bool lets_go = let_go();
  if (!parts_.config.sign_key.key()) return lets_go;
  bool resends = take_resend() || lets_go;
  const bool has_receipts = read_receipts();
  // What is on its way shows by receipts alone.
  const bool gives_up = has_read_ && take_write_offs();
  const bool has_new = gives_up || has_receipts;
  resends = resends || gives_up;
  if (!std::exchange(has_relisted_, true)) relist_for_others();
  if (has_new) {
    const SentCounts known = counts();
    parts_.journal.confirm(known.confirmed_through);
    parts_.journal.settle(known.settled);
  }
  const auto& kept = parts_.journal.sent().kept();
  // Without a new receipt nothing has changed but the time.
  if (parts_.config.keep != Keep::kDuration && !has_new && !has_deferred_ && kept.size() == kept_)
    return resends;
  const std::int64_t now_s = trusted_seconds();
  std::vector<SentStream::EntryNumber> over;
  if (parts_.config.keep != Keep::kDuration || !is_clock_doubtful())
    for (const auto& [number, source] : kept)
      if (is_over(number, source, now_s)) over.push_back(number);
  const std::size_t found = over.size();
  over = without_resent(std::move(over));
  has_deferred_ = over.size() < found;
  if (parts_.config.keep == Keep::kDuration)
    for (const SentStream::EntryNumber& number : over) report_end(number, kept.at(number));
  parts_.journal.release(over);
  kept_ = kept.size();
  return resends || !over.empty();
}

// With keep = no: sources of an earlier run stay until their receivers confirm them, and go at once where
// nobody is named who could.
bool KeptSources::let_go() {
  const auto& kept = parts_.journal.sent().kept();
  if (is_on() || kept.empty()) return false;
  std::vector<SentStream::EntryNumber> over;
  if (parts_.config.to.empty())
    for (const auto& [number, source] : kept)
      if (source.to.empty()) over.push_back(number);
  over = without_resent(std::move(over));
  parts_.journal.release(over);
  if (kept.empty() || std::exchange(has_reported_, true)) return !over.empty();
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "kept",
                       .status = "ok",
                       .message = std::to_string(kept.size()) +
                                  " sources that an earlier run kept stay until their receivers confirm "
                                  "them, also with keep = no",
                       .numbers = {{"count", kept.size()}},
                       .advice = "set keep = receipt again, or keep = 1s for one run to let them go"});
  return !over.empty();
}

std::vector<SentStream::EntryNumber> KeptSources::without_resent(
    std::vector<SentStream::EntryNumber> numbers) const {
  if (numbers.empty()) return numbers;
  const auto in_hand = parts_.journal.in_hand();
  std::erase_if(numbers, [&](const SentStream::EntryNumber& number) {
    const KeptSource& source = parts_.journal.sent().kept().at(number);
    return in_hand.contains({source.entry.place, source.entry.source}) ||
           (parts_.journal.is_sent_again(source.entry.place, source.entry.source) &&
            !is_confirmed(number, source));
  });
  return numbers;
}

// Seconds of UTC, as far as both clocks agree that they have passed: a clock that was set forward while this
// process ran ends no time.
std::int64_t KeptSources::trusted_seconds() {
  const std::int64_t now_s = parts_.host.realtime_ns() / kSecondNs;
  const std::uint64_t now_ns = parts_.host.monotonic_ns();
  if (begun_ns_ == 0) {
    begun_ns_ = now_ns;
    begun_utc_s_ = now_s;
  }
  return std::min(now_s, begun_utc_s_ + static_cast<std::int64_t>((now_ns - begun_ns_) / kSecondNs));
}

// No time ends while the clock is doubtful.
bool KeptSources::is_clock_doubtful() {
  const std::int64_t gap = begun_utc_s_ - parts_.last_alive_utc_s;
  if (parts_.last_alive_utc_s == 0 || gap <= kDoubtfulGap) return false;
  if (parts_.host.monotonic_ns() - begun_ns_ >= kDoubt) return false;
  if (!std::exchange(has_doubted_, true))
    parts_.reporter.log(
        {.level = Level::kWarn,
         .name = "clock",
         .status = "ok",
         .message = "the clock is " + std::to_string(gap / 86'400) +
                    " days ahead of the last sign of life of this relay: no source is removed by keep "
                    "for an hour, in case it is wrong"});
  return true;
}

void KeptSources::report_end(const SentStream::EntryNumber& number, const KeptSource& source) const {
  parts_.reporter.log({.name = "keep_over",
                       .source = source.entry.source,
                       .status = "ok",
                       .message = is_confirmed(number, source) ? "every receiver has confirmed it"
                                                               : "not every receiver has confirmed it",
                       .numbers = {{"entry", number.second}},
                       .texts = {{"stream", number.first}}});
}

// Entries whose lists are for none of the receivers that there are now: nobody would ever confirm them.
void KeptSources::relist_for_others() {
  const std::vector<std::string>& now = parts_.config.to;
  if (now.empty() || !is_on()) return;
  std::vector<SentStream::EntryNumber> numbers;
  for (const auto& [number, source] : parts_.journal.sent().kept()) {
    const std::vector<std::string> to = receivers_of(source);
    if (!to.empty() && std::find_first_of(to.begin(), to.end(), now.begin(), now.end()) == to.end())
      numbers.push_back(number);
  }
  if (numbers.empty()) return;
  parts_.journal.relist(numbers);
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "relist",
                       .status = "ok",
                       .message = "containers whose lists are for other receivers are listed again",
                       .numbers = {{"count", numbers.size()}}});
}

// Of a stream that is over a receiver has other lists than this node: nobody confirms what is in ours.
void KeptSources::relist_stream(const std::string& stream) {
  std::vector<SentStream::EntryNumber> numbers;
  for (const auto& [number, source] : parts_.journal.sent().kept())
    if (number.first == stream) numbers.push_back(number);
  if (numbers.empty()) return;
  parts_.journal.relist(numbers);
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "relist",
                       .status = "ok",
                       .message = "a receiver has other lists of stream " + stream +
                                  " than this node: what it names and stays is listed again",
                       .numbers = {{"count", numbers.size()}}});
}

// Sources that count as not delivered again, and their lists, which may be what was lost. A container with
// the digest of the one before gets no second entry. The request goes last: a crash repeats what it asks for.
std::vector<SentStream::EntryNumber> KeptSources::kept_in(const std::vector<std::string>& lines) const {
  const auto& kept = parts_.journal.sent().kept();
  std::set<SentStream::EntryNumber> numbers;
  for (const std::string& line : lines) {
    ResendRequest asked;
    if (!parse_resend_line(line, &asked)) continue;
    for (auto source = kept.lower_bound({asked.stream, asked.first});
         source != kept.end() && source->first.first == asked.stream && source->first.second <= asked.last;
         ++source)
      numbers.insert(source->first);
  }
  return {numbers.begin(), numbers.end()};
}

bool KeptSources::take_resend() {
  const std::string path = resend_of(parts_.config.state);
  std::vector<std::string> lines;
  Status status = take_requests(path, &lines);
  if (status.ok() && lines.empty()) return false;
  const std::vector<SentStream::EntryNumber> entries = kept_in(lines);
  std::vector<SentStream::EntryNumber> lost;
  if (status.ok()) status = parts_.list_again(entries, &lost);
  if (status.ok()) status = parts_.journal.send_again(entries);
  // Nobody makes the signature of an earlier key again: these get entries in lists of the present one.
  if (status.ok()) parts_.journal.relist(lost);
  const bool is_sent = status.ok() && !entries.empty();
  if (status.ok()) status = finish_requests(path);
  parts_.reporter.report_problem("resend", status.message);
  if (status.ok())
    parts_.reporter.log({.name = "resend",
                         .source = path,
                         .status = "ok",
                         .message = lost.empty()
                                        ? "containers that are sent again under their numbers"
                                        : "containers that are sent again; those whose lists another "
                                          "key signed are listed again",
                         .numbers = {{"count", entries.size()}, {"relisted", lost.size()}}});
  return is_sent;
}

// Of these entries those whose sources stay.
std::vector<SentStream::EntryNumber> KeptSources::kept_at(const std::string& stream,
                                                          const EntryRanges& ranges) const {
  std::vector<SentStream::EntryNumber> numbers;
  const auto& kept = parts_.journal.sent().kept();
  for (auto source = kept.lower_bound({stream, 0}); source != kept.end() && source->first.first == stream;
       ++source)
    if (count_in(ranges, source->first.second, source->first.second) > 0) numbers.push_back(source->first);
  return numbers;
}

// Entries that the operator gives up: of those that the request names, what nobody has confirmed still. The
// log has the reason before the journal knows of it, and the request goes last: a crash repeats both. While
// the journal cannot be written the log has the line once.
bool KeptSources::take_write_offs() {
  std::vector<WriteOff> wanted;
  Status status = link::take_write_offs(parts_.config.state, &wanted);
  bool has_any = false;
  for (const WriteOff& each : wanted) {
    const std::string& stream = each.address.stream;
    std::uint64_t kept = 0;
    const EntryRanges ranges = common_of(
        without_source(parts_.journal.sent(), stream, receipts_, parts_.config, parts_.is_gone, &kept),
        each.entries);
    EntryRanges released;
    for (const SentStream::EntryNumber& number : without_resent(kept_at(
             stream, common_of(kept_for_nobody(parts_.journal.sent(), stream, receipts_, parts_.config),
                               each.entries))))
      add_range(&released, number.second, number.second);
    if (ranges.empty() && released.empty()) continue;
    if (std::find(logged_.begin(), logged_.end(), each) == logged_.end()) {
      const std::uint64_t count = size_of(ranges) + size_of(released);
      const std::uint64_t sources = size_of(released);
      logged_.push_back(each);
      parts_.reporter.log(
          {.level = Level::kWarn,
           .name = "written_off",
           .status = "ok",
           .message = std::to_string(count) + " containers of stream " + stream +
                      " that no receiver has confirmed are not waited for any more" +
                      (sources == 0 ? ""
                                    : ", and the sources of " + std::to_string(sources) +
                                          " of them, which their receivers have written off, are not kept") +
                      ": " + each.reason,
           .numbers = {{"count", count}},
           .texts = {{"stream", stream}}});
    }
    status = parts_.reporter.flush();
    if (status.ok() && !ranges.empty()) status = parts_.journal.forgo(stream, ranges);
    if (!status.ok()) break;
    // Those whose sources are gone from the inbox are waited for no more than the others.
    parts_.journal.release(kept_at(stream, ranges));
    parts_.journal.release(kept_at(stream, released));
    has_any = true;
  }
  if (status.ok()) status = finish_write_offs(parts_.config.state);
  if (status.ok()) logged_.clear();
  parts_.reporter.report_problem("write_off", status.message);
  return has_any;
}

bool KeptSources::is_over(const SentStream::EntryNumber& number, const KeptSource& source,
                          std::int64_t now_s) const {
  // A source that was listed before the clock was set counts from the start of this process on.
  if (parts_.config.keep == Keep::kDuration)
    return now_s - (source.made < kEarliestTime ? begun_utc_s_ : source.made) >= parts_.config.keep_s;
  return is_confirmed(number, source);
}

bool KeptSources::is_confirmed(const SentStream::EntryNumber& number, const KeptSource& source) const {
  // Those that its list is for, whoever the setting names now.
  std::vector<std::string> to = receivers_of(source);
  if (to.empty()) to = parts_.config.to;
  return !to.empty() && std::all_of(to.begin(), to.end(), [&](const std::string& node) {
    const auto outcome = receipts_.outcome_of(node, number.first, number.second);
    return outcome && outcome->outcome == Outcome::kDelivered;
  });
}

bool KeptSources::read_receipts() {
  std::vector<PinnedKey> keys;
  Status status = read_pinned_keys(KeyFolder(parts_.config.peers), &keys);
  parts_.reporter.report_problem("keys of receivers", status.ok() ? problem_of(keys) : status.message);
  if (status.ok() && keys != keys_) {
    keys_ = std::move(keys);
    receipts_.forget();
  }
  bool has_new = false;
  const SentStream& sent = parts_.journal.sent();
  const Status keys_status = status;
  for (const std::string& folder : receipt_places_of(parts_.config.state, parts_.config.receipts_in)) {
    if (folder.empty() || !keys_status.ok()) continue;
    Status read = receipts_.read(
        folder, parts_.config.node, keys_, sent,
        [&](const FoundReceipt& found) {
          has_new = true;
          const Receipt& receipt = found.receipt;
          if (!parts_.journal.is_news("receipted " + found.path + " " + found.digest)) return;
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
          if (!parts_.journal.is_news("receipt_reject " + path + " " + why)) return;
          parts_.reporter.log({.level = Level::kWarn,
                               .name = "receipt_reject",
                               .source = path,
                               .status = "rejected",
                               .message = why});
        },
        {.stop = [this] { return parts_.host.stop_requested(); },
         .reads = has_read_ ? kReadsInScan : SIZE_MAX});
    // The one that receipts are imported to need not exist, and that of our own lists is made with the first.
    const bool may_lack =
        folder != parts_.config.receipts_in || folder == join(parts_.config.outbox, kProofFolder);
    const bool lacks = read.fault == Fault::kGone || (may_lack && is_absent(folder));
    // What is in the other ones counts all the same.
    if (!lacks && status.ok()) status = std::move(read);
  }
  parts_.reporter.report_problem("receipts", status.message);
  for (const PeerReceipts::Fork& fork : receipts_.take_forks())
    if (parts_.journal.is_news("forked " + fork.path + " " + fork.why))
      parts_.reporter.log({.level = Level::kError,
                           .name = "forked",
                           .source = fork.path,
                           .status = "rejected",
                           .message = fork.why,
                           .texts = {{"peer", fork.node}},
                           .advice = std::string(kForkedReceiver)});
  const bool is_first = !has_read_;
  has_read_ = has_read_ || (status.ok() && receipts_.is_complete());
  for (const auto& [stream, list] : receipts_.take_other_lists()) {
    if (stream != sent.name) {
      relist_stream(stream);
      continue;
    }
    parts_.numbers_are_used(list.number);
    if (is_first) parts_.sources_are_unknown(list.made);
  }
  return has_new;
}

}  // namespace paxect::link
