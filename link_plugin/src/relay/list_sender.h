// Lists: what a sender says about the containers that got their final names, signed, so that a receiver knows
// who sent them and that none is missing. (the texts: PROOF.md; where they fit into a batch: DESIGN.md)
//
// The lists of one batch are further products of a later one: begin() writes them beside its products, the
// flush of that batch covers them, and so does its record in the journal; publish() then gives them their
// names. What that leaves open (names that are not durable yet, lists that could not get their names) tend()
// completes when the relay is idle. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/flush.h"
#include "base/host.h"
#include "base/tree.h"
#include "records/journal.h"
#include "relay/list_copies.h"
#include "relay/list_stream.h"
#include "relay/own_lists.h"
#include "relay/reporter.h"
#include "relay/transfer.h"
#include "settings/link_config.h"
#include "stages/delivery.h"

namespace paxect::link {

class ListSender {
 public:
  // The lists that one batch carries.
  struct Carried {
    struct Item {
      SentList list;
      std::string text;
      std::string signature_text;
      Product file;
      Product signature;
    };
    std::vector<Item> items;
    std::shared_ptr<const Directory> temporaries;  // the folder in which they are written
    std::shared_ptr<const Directory> folder;       // the one that they go to
    Status status;

    std::vector<Unflushed> unflushed() const;
  };

  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Journal& journal;
    Reporter& reporter;
    Tree& outbox;
    Stop stop;
  };

  explicit ListSender(const Parts& parts)
      : parts_(parts),
        streams_({parts.host, parts.config, parts.journal, parts.reporter, parts.outbox}),
        copies_({parts.host, parts.config, parts.reporter}) {}

  // Whether this relay makes lists.
  bool is_on() const { return parts_.config.mode == Mode::kSend && parts_.config.sign_key.key().has_value(); }
  // The entry of a container that has its final name.
  SentEntry entry_of(const Intent& intent, const std::string& name) const;

  // Whether the container of this delivery needs an entry. One that was there already, or whose source stays,
  // may have one in a list for all receivers that there are now: then the source of this one stays, too,
  // where sources are kept. Where its lists are for others, or are waited for by another source that stays,
  // the entry receives in `again` what it repeats. `before` are entries of the same batch, to be added first.
  bool lacks(SentEntry* entry, bool was_there, std::span<const SentEntry> before = {});

  // Before a product is prepared. kDelivered when a list of ours names this container that the journal did
  // not know, because it was put back from a backup, and the source is from before that was found out: then
  // it is sent already, and stays where sources are kept. Its `sent_before` is to be noted as found once its
  // source is removed or remembered.
  Status claim(Transfer* transfer);

  // The outbox is open and recovery is over: completes the lists of an earlier process, and begins another
  // stream where the journal does not say all that its own was used for. What fails is left to tend().
  void start();

  // Writes the lists of what was sent so far, for a batch that begins; NULL when there is nothing to list, or
  // the lists before are not over. With `is_idle` also an empty list that is due.
  std::shared_ptr<Carried> begin(bool is_idle);
  // Of those that were written and flushed, for the record of the batch. After that they are decided.
  std::vector<SentList> lists_of(const Carried& carried) const;
  // Gives them their names once the record is durable, `decided` says.
  void publish(Carried* carried, const Status& decided);

  // What is left to do while no batch carries lists: lists of their own, and what others have left open.
  void tend();
  // Whether begin() or tend() has something to do, as far as it may be tried now.
  bool owes() const;
  // When the relay is to do that, if no batch does before.
  std::uint64_t due_ns() const;
  // The numbers of the present stream, up to this list, had other texts: another stream begins, before the
  // next list. The sources that wait for receipts about it are listed again.
  void give_up_numbers(std::uint64_t list);
  // Writes the lists that have these entries again, with the same bytes, where they are not in the outbox or
  // in `proof_also`, or were damaged there. `*lost` receives those that have a list of another key, or none
  // that is known.
  Status write_again(const std::vector<SentStream::EntryNumber>& entries,
                     std::vector<SentStream::EntryNumber>* lost);
  // A batch has ended, or recovery found what was sent.
  void note_sent() { changed_ns_ = parts_.host.monotonic_ns(); }
  // Lists that got their names since the start.
  std::uint64_t written() const { return written_; }
  // So many containers wait for a list that no further ones are sent before it is made.
  bool is_full() const;

 private:
  // For all receivers, in the journal, or in a list of the outbox.
  bool is_listed(SentEntry* entry, std::span<const SentEntry> before);
  // Where sources are kept, whether one that is not the intent's waits for this entry.
  bool is_kept_by_other(const SentStream::EntryNumber& number, const Intent& intent) const;
  // The entries of the lists in the outbox, as far as they can be read.
  OwnEntries* shown();
  void compose(Carried* carried, bool may_be_empty) const;
  Status write(Carried* carried);
  Status publish_item(Carried* carried, Carried::Item* item, bool may_be_logged);
  Status place(const Carried& carried, Product* product, const std::string& text, bool* taken) const;
  void abandon(Carried* carried);
  void note_outcome(const Status& status);
  static Status flush(const Carried& carried);
  Status restore(const Directory& folder, const std::string& text);
  Status open_stream();
  Status redo();
  Status sync_names();
  Status copy_waiting();
  bool has_unsynced() const;
  bool has_unnamed() const;
  bool has_named() const;
  std::uint64_t first_due_ns() const;

  Parts parts_;
  std::weak_ptr<Carried> current_;
  ListStream streams_;
  ListCopies copies_;
  std::optional<OwnEntries> shown_;  // of the lists in the outbox, once they were asked for
  bool is_shown_complete_ = false;   // otherwise some could not be read
  bool must_open_ = true;            // open_stream() is to be called
  std::uint64_t changed_ns_ = 0;     // when a batch ended last
  std::uint64_t listed_ns_ = 0;      // when the last list was made
  std::uint64_t retry_ns_ = 0;       // not to be tried before, after a failure; 0: there was none
  unsigned failures_ = 0;            // in a row
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;  // the last list whose name is durable
};

}  // namespace paxect::link
