// Mode receive: from the server to the folder, each job once among all receivers. Instance thread only.
//
// The functions that talk to the server in the middle of a batch wait for it, and keep the jobs in hand
// alive.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connection.h"
#include "consumer_config.h"
#include "consumer_watch.h"
#include "epoch.h"
#include "event_log.h"
#include "exchange.h"
#include "folder.h"
#include "identity.h"
#include "incoming.h"
#include "names.h"
#include "problems.h"
#include "quorum.h"
#include "readiness.h"
#include "records.h"
#include "refusals.h"
#include "report_queue.h"
#include "settings.h"
#include "state_directory.h"
#include "streams.h"
#include "waiting_jobs.h"
#include "window.h"

namespace paxect::carrier {

// After this time the server gives again what a receiver has refused.
inline constexpr std::uint64_t kRefusedDelay = std::uint64_t{30} * 1'000'000'000;

struct ReceiverCounts {
  std::uint64_t delivered = 0;
  std::uint64_t delivered_bytes = 0;
  std::uint64_t fetched_bytes = 0;  // of chunks, also of those that come again
  std::uint64_t lists = 0;
  std::uint64_t repeated = 0;  // jobs that were delivered before
  std::uint64_t damaged = 0;
  std::uint64_t poison = 0;
  std::uint64_t left = 0;  // jobs that another receiver has claimed
};

class Receiver {
 public:
  Receiver(const Host& host, const Settings& settings, const StateDirectory& state, Connection* connection);

  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  // Reads the records.
  Status start();
  // One batch, or a fetch. Returns when to be called next: 0 for at once.
  std::uint64_t step();
  // Whether the server has nothing for us, and nothing that was fetched can be delivered now.
  bool is_idle() const;
  // Whether the server has jobs all the same, as when its consumer gives them to nobody: it is asked. Jobs
  // that come meanwhile end the idleness.
  bool leaves_jobs();
  // Called now and then within a long step.
  void set_observer(std::function<void()> observer) { observer_ = std::move(observer); }
  // Whether something outside of this process must change before anything goes on.
  bool is_blocked() const { return readiness_.has_failed() || !folder_.is_open(); }

  const ReceiverCounts& counts() const { return counts_; }
  const Problems& problems() const { return problems_; }
  const Refusals& refusals() const { return refusals_; }
  const std::map<std::string, Intent>& intents() const { return intents_; }
  const std::map<std::string, Delivered>& delivered() const { return delivered_; }
  // What is being fetched, for the observer; null: nothing.
  const std::vector<Incoming>* fetching() const { return fetching_; }
  struct Refused {
    Job job;
    std::string reason;
    std::uint64_t delay_ns = 0;
    std::uint64_t until_ns = 0;  // it is not tried again before
  };
  const std::map<std::string, Refused>& refused() const { return refused_; }
  std::size_t unconfirmed() const { return unconfirmed_.size(); }

 private:
  // What is in hand and not delivered.
  std::uint64_t waiting() const {
    return intents_.size() + jobs_.size() + (fetching_ == nullptr ? 0 : fetching_->size());
  }

  // receiver.cc
  Status rewrite_records();
  static std::string intent_record(const Intent& intent);
  static std::string naming_record(const Intent& intent);
  static bool parse_intent(std::string_view text, Intent* out);
  void take_naming(std::string_view text);
  static std::string delivered_record(const std::string& id, const Delivered& done);
  void tend_connection();
  void return_jobs();
  Status ensure_consumers();
  void tend_folder();
  void remove_temporaries();
  void on_message(std::unique_ptr<Message> message);
  void fetch();
  std::size_t room();
  std::size_t max_batch() const;
  void work();
  void take(const Message& message, std::vector<Incoming>* batch);
  bool on_epoch();
  bool is_working() const;
  void poison(const Message& message, const char* what, const std::string& reason,
              const std::function<void()>& then = {});
  void take_list(const Message& message);
  void set_list_aside(const Message& message);
  bool publish_list_receipt(const Job& job);
  Status flush_list(const std::string& name);
  Status find_list(const Job& job, const std::string& contents, bool* missing, bool* refused);
  Status put_list(const Job& job, const std::string& contents, bool* refused);

  // receiver_consumer.cc: a consumer that gives out nothing
  void take_consumer();
  void note_given(const Message& message);
  void watch_consumer(std::uint64_t now);
  void on_consumer(const Message* reply);
  void report_stalled(const ConsumerState& state);
  void replace_consumer();

  // receiver_passed_over.cc: jobs that the consumer gives to nobody
  struct PassedOver {
    bool is_searching = false;
    std::uint64_t next = 1;      // the number in the stream from which the next search begins
    std::size_t left = 0;        // jobs of this search
    std::uint64_t since_ns = 0;  // when a job without a receipt was found; 0: there is none
    std::uint64_t sequence = 0;  // of that job
    std::string name;            // and its file
    std::string created;         // the consumer that has passed it over
    std::uint64_t given = 0;     // and how often it had given out a job
    std::uint64_t pause_ns = 0;  // between two replacements
    std::uint64_t not_before_ns = 0;
  };
  void search_passed_over(const ConsumerState& state);
  void end_passed_over();
  void report_passed_over();
  void end_search(bool found);
  void read_next_job(std::uint64_t from);
  void examine_next_job(std::uint64_t sequence);
  void find_receipt(const Job& job, std::uint64_t sequence);
  bool has_passed_over(const ConsumerState& state);
  void note_answered(Fetch* fetch);
  void note_refused_fetch(Fetch* fetch, const std::string& reason);

  // receiver_config.cc: a consumer that somebody else changes or removes
  struct GuardedConsumer {
    const char* stream;  // "job"
    std::string name;
    const char* condition;  // of the report
    ConsumerConfig config{};
    std::int64_t created_ns = 0;      // by the clock of the servers; 0: not known
    bool is_replaced = false;         // by this receiver, which has removed it
    bool is_removal_advised = false;  // by its report
    std::string lost_in_epoch{};      // the store that had it before it was another one; "": it is the same
    std::uint64_t next_ns = 0;        // when it is read
    std::uint64_t restore_at_ns = 0;  // 0: not
    std::uint64_t no_restore_until_ns = 0;
    std::uint64_t pause_ns = 0;   // between two restorations
    std::uint64_t mended_ns = 0;  // when the report was last true; 0: there is none
  };
  std::string consumer_text(const GuardedConsumer& one) const;
  std::string consumer_call(const char* call, const GuardedConsumer& one) const;
  void take_ensured(GuardedConsumer* one, const EnsuredConsumer& ensured);
  void guard_consumers(std::uint64_t now);
  void report_consumer(GuardedConsumer* one, const std::string& text);
  void end_consumer_report(GuardedConsumer* one);
  void read_config(GuardedConsumer* one, bool restores);
  void take_config(GuardedConsumer* one, std::string_view reply, bool restores);
  void restore_config(GuardedConsumer* one, const std::string& request);

  // receiver_decision.cc: which jobs may be delivered
  void decide(std::vector<Incoming>* batch);
  bool must_ask(const Job& job) const;
  void settle_by_receipts(std::vector<Incoming*>* open);
  void settle_by_claims(std::vector<Incoming*>* open);
  Verdict refuse_own_claim(const Job& job);
  void remove_foreign(const char* what, const std::string& id, const std::string& name,
                      const std::function<bool(std::string_view)>& is_true);
  std::map<std::string, Verdict> ask_senders(const std::vector<const Job*>& jobs);
  Verdict verdict_of(const Job& job, const Answer& answer);
  void note_sender(const Message& message);
  static std::string no_answer(const Job& job);
  void defer(const Job& job);
  void report_waiting();
  struct Found {
    Lookup result = Lookup::kUnknown;
    std::string text;
    std::uint64_t sequence = 0;
  };
  // The messages of these IDs in one stream, in their order.
  std::vector<Found> look_up(const std::string& what, const std::vector<std::string>& ids);
  // Likewise, but what the leader of a cluster has: a replica may be behind, and answers direct gets all the
  // same. Without the texts.
  std::vector<Found> look_up_at_leader(const std::string& what, const std::vector<std::string>& subjects);
  // Likewise, and where that a message is absent decides: kMissing is what the leader says, kUnknown what a
  // replica does not have yet.
  std::vector<Found> look_up_surely(const std::string& what, const std::vector<std::string>& ids);
  Found look_up(const std::string& what, const std::string& id) {
    return look_up(what, std::vector<std::string>{id})[0];
  }

  // receiver_fetch.cc: contents
  void download(std::vector<Incoming>* batch);
  void download_batch(std::vector<Incoming>* batch);
  bool resume(Incoming* job);
  void interrupt(Incoming* job);
  void forget_partial(const std::string& id);
  void forget_old_partials(std::uint64_t now);
  bool request_chunk(Incoming* job, std::uint64_t number, unsigned attempt);
  bool request_missing(std::vector<Incoming>* batch);
  void on_chunk(Incoming* job, std::uint64_t number, unsigned attempt, const Message* reply);
  Status write_chunk(Incoming* job, std::uint64_t number, std::string_view data);
  Status read_back(Incoming* job);
  void read_all_back(Incoming* job);
  enum class Flush { kNow, kLater };
  Status make_durable(std::vector<Incoming>* batch);
  void give_back(const std::string& ack, std::uint64_t delay_ns);
  Status write_sidecar(const Job& job, Flush flush);
  void send_again(Incoming* job);
  void fail(const std::string& what, std::vector<Incoming>* batch);

  // receiver_claims.cc
  void claim();
  void drop_receipted(std::vector<Intent*>* open);
  void confirm(std::vector<Intent*>* open, std::vector<std::string>* gone);
  void on_claimed(const std::string& id, const Message* reply);
  void remove_late_claims();
  void read_claims();
  void drop(const std::string& id);
  static bool is_about_name(const Job& job, const Status& status);
  void release(const std::string& id, const std::string& reason);
  void leave_to_operator(const std::string& id);
  void refuse(const Job& job, const std::string& ack, const std::string& reason);
  void forget_refused(const std::string& id);
  // Whether it was refused and is not tried again yet.
  bool is_refused(const std::string& id) const;

  // receiver_delivery.cc: names
  struct Failures {
    Status common;                                // of the folder or the records
    std::map<std::string, std::string> of_names;  // IDs and reasons
    std::set<std::string> unknown;                // IDs of what may have been delivered, or not
    void add(const Intent& intent, const Status& status);
  };
  void finish();
  bool choose_names(Failures* failures);
  Status choose_name(const Job& job, std::string* at);
  bool rename_all(std::vector<std::string>* delivered, std::set<std::string>* folders, Failures* failures);
  bool is_at(const Intent& intent, const std::string& name);
  Status find_renamed(const Intent& intent, bool* renamed);
  Status rename(const Intent& intent, bool* taken);
  Status find_sidecar(const Job& job, const std::string& name, Presence* presence, bool* fits);
  Status place_sidecar(const Job& job, const std::string& name, bool* taken);

  // receiver_receipts.cc
  void publish_receipts();
  void remember_epoch();
  void publish_receipts(const std::vector<std::string>& ids);
  void on_receipted(const std::string& id, const Message* reply);
  void on_receipt_stored(const std::string& id);
  void check_receipts(const std::vector<std::string>& ids);
  Status flush_records();
  void flush_late_records(std::uint64_t now);
  void tidy_server(const Intent& intent);

  // Publishes to a stream and waits for the reply; kFailed without one.
  Stored store(const std::string& subject, std::string_view data);
  // Whether it is stored, or was before.
  bool call(const std::string& subject, std::string_view data);
  bool remove_message(const std::string& what, std::uint64_t sequence);
  void remove_job(const std::string& id);
  bool pulse();
  Work work_in_hand() const { return {.waiting = waiting(), .in_hand = in_hand_.size()}; }
  void forget_acks();
  void acknowledge(const std::string& ack, std::string_view word);

  std::function<void()> observer_;
  const Host& host_;
  const Settings& settings_;
  const StateDirectory& state_;
  Connection& connection_;
  Names names_;
  Exchange exchange_;
  Problems problems_;
  Refusals refusals_;
  Epoch epoch_;
  Folder folder_;
  Records records_;
  EventLog log_;
  Readiness readiness_;
  Quorum quorum_;
  Identity identity_;
  ReportQueue reports_;
  ReceiverCounts counts_;

  std::deque<std::unique_ptr<Message>> jobs_;
  std::deque<std::unique_ptr<Message>> lists_;
  std::map<std::string, Intent> intents_;
  std::map<std::string, Delivered> delivered_;
  std::set<std::string> unconfirmed_;  // IDs of deliveries whose receipts are not known to be stored
  WaitingJobs waiting_for_senders_;
  WaitingJobs waiting_for_operator_;
  std::map<std::string, Refused> refused_;               // that cannot get their names here, by ID
  std::map<std::string, std::uint64_t> silent_senders_;  // until when they are not asked again
  struct Deferred {
    std::uint64_t since_ns = 0;
    std::uint64_t seen_ns = 0;
  };
  std::map<std::string, Deferred> deferred_;   // jobs that their sender cannot answer about yet
  std::set<std::string> disputed_claims_;      // IDs of intents whose claim was refused
  std::set<std::string> disputed_receipts_;    // IDs whose receipt was refused
  std::map<std::string, std::uint64_t> late_;  // sequences of claims that came too late, by ID
  std::set<std::string> in_hand_;              // subjects by which jobs are acknowledged
  std::set<std::string> lists_in_hand_;        // and lists
  std::deque<std::pair<std::uint64_t, std::string>> recent_;  // what was delivered, and when

  std::size_t setting_aside_ = 0;  // messages that are not known to be stored in the stream of poison

  Fetch job_fetch_;
  Fetch list_fetch_;
  GuardedConsumer job_consumer_{
      .stream = "job", .name = kReceivers, .condition = "the consumer of the jobs was changed"};
  GuardedConsumer list_consumer_{
      .stream = "list", .name = state_.token(), .condition = "the consumer of the lists was changed"};
  ConsumerWatch watch_;
  PassedOver passed_over_;
  std::uint64_t next_watch_ns_ = 0;
  std::uint64_t last_given_ = 0;        // by the consumer of the jobs, since it was looked at
  std::int64_t consumer_made_ns_ = 0;   // by the clock of the servers
  std::int64_t acks_are_of_ns_ = 0;     // when the consumer was made that has given out what is in hand
  bool is_consumer_in_doubt_ = false;   // it may be another one: nothing is acknowledged until that is known
  ConsumerState stalled_;               // as it was when it was reported
  std::uint64_t replace_at_ns_ = 0;     // 0: not
  std::uint64_t ensure_again_ns_ = 0;   // 0: not
  std::vector<std::string> witnesses_;  // of deliveries whose records are not durable yet
  const std::vector<Incoming>* fetching_ = nullptr;
  std::vector<Intent> finished_;  // delivered; their chunks go when their receipts are stored
  std::string trouble_;           // of our own disk, in this download
  std::uint64_t download_ = 0;
  std::uint64_t rewritten_size_ = 0;  // of the records, when they were last rewritten
  Window window_;
  std::size_t chunks_in_flight_ = 0;
  std::uint64_t bytes_in_flight_ = 0;
  // Large contents of which a part is there: their download was interrupted, and goes on where it was when
  // the job comes again. By ID.
  std::map<std::string, Incoming> partial_;
  bool was_large_ = false;    // the last job
  bool is_cautious_ = false;  // one job at a time, after a failure of our own disk
  bool idle_ = false;         // the last fetch found nothing
  std::uint64_t pulse_ns_ = 0;
  std::uint64_t next_finish_ns_ = 0;
  std::uint64_t next_flush_ns_ = 0;
  std::uint64_t next_receipts_ns_ = 0;
  std::uint64_t receipts_first_until_ns_ = 0;  // after a change of the store
  std::uint64_t paused_until_ns_ = 0;
  std::uint64_t progress_ns_ = 0;  // when an intent came or went, or a connection came
  std::string seen_epoch_;
  std::string settled_epoch_;  // of the store that has the receipts of all that was delivered lately
};

// Nanoseconds on a clock that counts the time in which the machine sleeps.
std::uint64_t boottime_ns();

}  // namespace paxect::carrier
