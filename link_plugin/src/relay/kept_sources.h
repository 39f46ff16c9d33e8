// Sources that stay after their delivery, until every receiver has said that it delivered the container, or
// for a time; and the receipts that say so.
//
// Not for two threads at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/host.h"
#include "records/journal.h"
#include "records/write_off.h"
#include "relay/reporter.h"
#include "relay/sent_counts.h"
#include "settings/link_config.h"
#include "stages/peer_receipts.h"

namespace paxect::link {

// Whom the list of a source that stays is for; none: whoever has it.
std::vector<std::string> receivers_of(const KeptSource& source);

// Entries of the stream whose sources stay, and that every receiver of theirs has delivered or written off,
// one of them the latter: no receipt will end that.
EntryRanges kept_for_nobody(const SentStream& sent, const std::string& stream, const PeerReceipts& receipts,
                            const LinkConfig& config);

class KeptSources {
 public:
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Journal& journal;
    Reporter& reporter;
    std::int64_t last_alive_utc_s = 0;  // the last sign of life of the relay before this one; 0: unknown
    IsGone is_gone;                     // whether a source is seen to be gone from the inbox
    // A receipt shows that the numbers of the present stream, up to this list, had other texts.
    std::function<void(std::uint64_t list)> numbers_are_used;
    // The lists are not here that such a receipt is about, which was made then, in seconds of UTC: which
    // sources they named cannot be known. Called before the first scan of this process alone.
    std::function<void(std::int64_t made)> sources_are_unknown;
    // Writes the lists again that have these entries; `*lost` receives those of which it cannot.
    std::function<Status(const std::vector<SentStream::EntryNumber>& entries,
                         std::vector<SentStream::EntryNumber>* lost)>
        list_again;
  };

  explicit KeptSources(const Parts& parts) : parts_(parts) {}

  // Whether the sources of what is sent now stay.
  bool is_on() const { return parts_.config.keep != Keep::kNo && parts_.config.mode == Mode::kSend; }
  // Whether this one has to stay now. One that an earlier run kept stays also where the setting is `no` now:
  // a run with other settings must not remove what nobody has confirmed.
  bool keeps(const std::string& place, const std::string& path) const {
    return parts_.journal.sent().keeps(place, path);
  }
  // Reads new receipts, and what is to be sent again. Whether a scan has something to do: sources that need
  // not stay any longer, or that are delivered again.
  bool tend();

  const PeerReceipts& receipts() const { return receipts_; }
  // What receivers have confirmed, by the receipts that tend() has read.
  SentCounts counts() const { return count_sent(parts_.journal.sent(), receipts_, parts_.config); }

 private:
  std::vector<SentStream::EntryNumber> kept_in(const std::vector<std::string>& lines) const;
  std::vector<SentStream::EntryNumber> kept_at(const std::string& stream, const EntryRanges& ranges) const;
  bool take_resend();
  bool take_write_offs();
  bool read_receipts();
  void relist_for_others();
  bool let_go();
  void relist_stream(const std::string& stream);
  std::int64_t trusted_seconds();
  bool is_clock_doubtful();
  void report_end(const SentStream::EntryNumber& number, const KeptSource& source) const;
  bool is_over(const SentStream::EntryNumber& number, const KeptSource& source, std::int64_t now_s) const;
  bool is_confirmed(const SentStream::EntryNumber& number, const KeptSource& source) const;
  // The entry of a container that is on its way again is needed until it has been sent. One that waits for
  // that and that every receiver has confirmed need not be sent.
  std::vector<SentStream::EntryNumber> without_resent(std::vector<SentStream::EntryNumber> numbers) const;

  Parts parts_;
  PeerReceipts receipts_;
  std::vector<PinnedKey> keys_;
  std::size_t kept_ = 0;          // when the receipts were compared with the sources last
  std::vector<WriteOff> logged_;  // that the journal does not have yet
  bool has_deferred_ = false;     // entries that are over and on their way again
  bool has_relisted_ = false;
  bool has_reported_ = false;
  bool has_read_ = false;  // receipts
  bool has_doubted_ = false;
  // Both clocks when time was asked for first.
  std::int64_t begun_utc_s_ = 0;
  std::uint64_t begun_ns_ = 0;
};

}  // namespace paxect::link
