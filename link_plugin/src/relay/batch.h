// A unit of work: files that share their flushes, from their intents in the journal to the removal of their
// sources.
//
//   intents -> products written and flushed -> journal: prepare -> names -> directories durable
//           -> audit lines durable -> sources removed -> journal: finish
//
// Where a step fails, a batch keeps what comes after it for the next advance(). (crash points: RECOVERY.md)
//
// begin() and advance() use what the batches of a relay share, so they belong to the relay's thread. write()
// touches the batch alone and may run on any thread in between.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/tree.h"
#include "records/journal.h"
#include "records/ledger.h"
#include "relay/failures.h"
#include "relay/kept_sources.h"
#include "relay/list_sender.h"
#include "relay/receiver.h"
#include "relay/reporter.h"
#include "relay/source_removal.h"
#include "relay/transfer.h"
#include "settings/policy.h"

namespace paxect::link {

// The codecs of the threads that work on a batch, kept from batch to batch.
class Workers {
 public:
  Workers(const ExternalCore& core, const Encoding& encoding, Codec::Stop stop)
      : core_(core), encoding_(encoding), stop_(std::move(stop)) {}

  // Reads each source, writes its product and makes it durable; the outcome is in each transfer's status. The
  // lists are made durable with them.
  void run(std::span<Transfer> transfers, ListSender::Carried* lists);

 private:
  const ExternalCore& core_;
  const Encoding& encoding_;
  Codec::Stop stop_;
  std::vector<std::unique_ptr<Codec>> codecs_;
};

class Batch {
 public:
  // What a relay has, and a batch uses.
  struct Parts {
    Tree& inbox;
    Journal& journal;
    Ledger& ledger;
    Reporter& reporter;
    SourceRemoval& removal;
    ListSender& lists;
    const KeptSources& kept;
    Failures& failures;
    Receiver& receiver;
    const Policy& policy;
    Stop stop;
    std::function<void(const Transfer&)> delivered;  // called once for each file
    std::function<void(const Intent&)> left_behind;  // a temporary may be left in its folder
  };

  // A batch that is over soon may carry lists of those before.
  enum class Lists { kNone, kCarried };

  // Files whose sources and targets are known and that nobody has read yet.
  Batch(const Parts& parts, std::vector<Transfer> transfers, Lists lists);

  // Writes the intents to the journal.
  void begin();
  // Writes the products and makes them durable. After an exception no file of the batch is delivered.
  void write(Workers* workers) noexcept;
  // Goes as far as it can; true when nothing is left to do. What holds it up is reported as a problem.
  bool advance();

  const std::vector<Transfer>& transfers() const { return transfers_; }

 private:
  // How far a file is.
  enum class Phase {
    kWritten,    // or failed to be, as its status says
    kPrepared,   // its intent is durable
    kPublished,  // its product has its name
    kAborting,   // the journal may know it as prepared, and it will not be delivered
    kUnwanted,   // the journal does not know it as prepared, and its temporaries may exist
    kOver
  };
  struct State {
    Phase phase = Phase::kWritten;
    bool is_logged = false;  // its line is in the audit log or in its memory
  };

  // Files are named by their place in transfers_ and states_.
  std::vector<std::size_t> in_phase(Phase phase) const;
  std::vector<std::uint64_t> ids_of(std::span<const std::size_t> items) const;
  void note_exception();
  void prepare();
  void publish();
  bool finish_published();
  void log_delivery(std::size_t i);
  void remove_sources(std::span<const std::size_t> items);
  bool finish_aborting();
  Status drop(std::size_t i, std::vector<Failures::Failed>* failed);

  Parts parts_;
  std::vector<Transfer> transfers_;
  std::vector<State> states_;
  Lists may_carry_;
  std::shared_ptr<ListSender::Carried> lists_;
  Status decided_;  // whether the record of them is durable
  bool is_begun_ = false;
  std::exception_ptr exception_;  // that ended write()
};

}  // namespace paxect::link
