// Mode send: from the folder to the server, and the removal of what has its receipt. Instance thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.h"
#include "epoch.h"
#include "event_log.h"
#include "exchange.h"
#include "folder.h"
#include "foreign_messages.h"
#include "identity.h"
#include "known_receivers.h"
#include "names.h"
#include "outgoing.h"
#include "problems.h"
#include "quorum.h"
#include "readiness.h"
#include "receipted_files.h"
#include "receiver_questions.h"
#include "records.h"
#include "refusals.h"
#include "settings.h"
#include "state_directory.h"
#include "window.h"

namespace paxect::carrier {

struct SenderCounts {
  std::uint64_t sent = 0;  // receipted and removed
  std::uint64_t sent_bytes = 0;
  std::uint64_t published = 0;  // jobs and list messages
  std::uint64_t resent = 0;     // files that had to be published again
  std::uint64_t reports = 0;    // of receivers that could not deliver
};

class Sender {
 public:
  Sender(const Host& host, const Settings& settings, const StateDirectory& state, Connection* connection);

  // Reads the records and finishes the removals of the last run.
  Status start();
  // One bounded piece of work. Returns when to be called next: 0 for at once.
  std::uint64_t step();
  // Whether nothing is left that this process could do at once, and no receiver is about to ask it about a
  // file.
  bool is_idle() const;
  // What a run that ends now leaves on the server, and the remedy; "" for nothing.
  std::string unfinished_text() const;
  // Whether something outside of this process must change before anything goes on.
  bool is_blocked() const;
  // A descriptor that is readable when the folder has changed; negative: none.
  int watch_fd() const { return inotify_.get(); }
  void forget_changes();

  const SenderCounts& counts() const { return counts_; }
  const ForeignMessages& foreign() const { return foreign_; }
  const Problems& problems() const { return problems_; }
  const Refusals& refusals() const { return refusals_; }
  const std::map<std::string, Outgoing>& files() const { return files_; }
  struct Held {
    FileIdentity identity{};
    FileIdentity sidecar{};
    std::string reason;
    std::uint64_t since_ns = 0;
    std::uint64_t reported_ns = 0;  // 0: not yet
  };
  const std::map<std::string, Held>& held() const { return held_; }
  // Hidden folders, and hidden files that would be containers or lists: they are passed over.
  std::size_t hidden() const { return hidden_.size(); }
  std::uint64_t candidates() const { return candidates_.size(); }
  // Lists that one receiver has and another one lacks; and what a list waits for, "" for other files.
  const std::set<std::string>& kept_lists() const { return kept_lists_; }
  std::string lacking_text(const Outgoing& file) const;
  // A receiver that this sender knows, and how many lists wait for it.
  struct ListedReceiver {
    KnownReceivers::Known known;
    bool is_there = false;
    std::uint64_t lists = 0;
  };
  // At most so many, those for which lists wait first.
  std::vector<ListedReceiver> receivers(std::size_t max) const;

 private:
  // sender.cc
  void tend_connection();
  void tend_epoch();
  void check_all();
  std::uint64_t waiting() const { return files_.size() + candidates_.size(); }
  void flush_claims(std::uint64_t now);
  bool must_answer(const Outgoing& file) const;
  bool expects_questions() const;
  Status tend_streams();
  void restart(Outgoing* file);
  void begin_round(Outgoing* file);
  void withdraw(const std::string& id);
  void drop(const std::string& id);
  void give_up(const std::string& id);
  Outgoing* find(const std::string& id);

  // sender_scan.cc
  void tend_folder();
  void scan();
  bool has_room() const;
  void consider(const Folder::Entry& entry, const std::map<std::string, FileIdentity>& there);
  bool is_settled(const Folder::Entry& entry);
  void hold(const std::string& path, const FileIdentity& identity, const std::string& reason,
            const FileIdentity& sidecar = {});
  void report_held();
  void report_unread(const Folder::Unread& unread);
  void report_hidden(std::set<std::string> hidden);
  void watch_folders(const std::set<std::string>& folders);

  // sender_prepare.cc
  bool prepare();
  void end_first_scan();
  void begin(const Folder::Entry& entry);
  void finish_preparing();

  // sender_publish.cc
  bool send_chunks();
  void ask_present(Outgoing* file);
  void on_present(const std::string& id, std::uint64_t round, const Message* reply);
  enum class Sent { kYes, kUnreadable, kNoConnection };
  bool is_too_large(Outgoing* file, std::uint64_t bytes);
  Sent send_chunk(Outgoing* file, std::uint64_t number);
  bool open_to_read(Outgoing* file, std::uint64_t number);
  void close_read(const std::string& id);
  bool publish(Outgoing* file);
  bool remember_published(const std::string& id);
  void remember_begun(const std::string& id);
  void on_chunk(const std::string& id, std::uint64_t round, std::uint64_t number, const Message* reply);
  void on_published(const std::string& id, const Message* reply);
  void on_full(Outgoing* file);
  void end_refusal();
  void on_refused(Outgoing* file, const std::string& reason);
  void wait_for_room();

  // sender_replies.cc
  void on_message(std::unique_ptr<Message> message);
  // `subject` is that of a message in a stream, also where it was requested.
  void note_foreign(std::string_view subject, std::string_view text, std::string_view what);
  // Who has published a receipt right now is there. One that is read from the store may be weeks old.
  enum class Source { kPublished, kStored };
  void on_receipt(std::string_view subject, std::string_view text, Source source);
  void on_claim(std::string_view subject, std::string_view text);
  void set_holder(const Claim& claim);
  void read_claims();
  void read_claim(const std::string& id);
  void confirm_no_claim(const std::string& id);
  void on_report(std::string_view subject, std::string_view text);
  void on_question(const Message& message);
  void check_waiting();
  void check(Outgoing* file);
  void check_job(const std::string& id);
  static std::string unclaimed_text(const Outgoing& file);
  void check_consumer();

  // sender_lists.cc
  void note_receiver(const std::string& id);
  void note_peer(const Message& message);
  void take_list_receipt(Outgoing* file, const std::string& receiver);
  void finish_list(Outgoing* file);
  void finish_lists();
  void tend_lists();
  void read_consumers(const std::set<std::string>& before);
  void check_for_returned();
  void tend_forgetting();
  bool forget(const std::string& id);
  void ask_list_receipts(const Outgoing& file);
  void send_receipt_questions();
  void delete_list_receipts();
  void offer_again(Outgoing* file);

  // sender_removal.cc
  void remove_receipted();
  Status record_receipted(const std::vector<std::string>& ids);
  void finish_removal(const Receipted& one);
  void finish_interrupted();
  void keep_delivered(Outgoing* file, const Status& failure);
  void report_unremoved();
  bool has_removals() const { return receipted_.has_new(); }
  bool is_receipted(const std::string& id) const { return receipted_.contains(id); }
  Status rewrite_records();
  static std::string receipted_record(const Outgoing& file, const std::string& receiver);
  void count_sent(const Outgoing& file, const std::string& receiver);
  void remember_done(const std::string& id, std::uint64_t chunks);
  Status remove_files(const Outgoing& file, std::set<std::string>* folders, bool* removed);
  void find_put_back(const std::string& path, FileIdentity* identity);
  void tidy_server(const Outgoing& file);
  struct CleanUp {
    enum class Kind {
      kDelivered,  // chunks, job, claim and receipt
      kGivenUp,    // the chunks
      kUnfinished  // the chunks, if there is no job
    };
    std::uint64_t due_ns = 0;
    std::string id;
    Kind kind = Kind::kDelivered;
  };
  void clean_up();
  void clean_up(const CleanUp& what);
  void clean_up_chunks(const std::string& id);
  // sender_sweep.cc
  bool look_up_at_leader(const std::string& what, const std::string& subject,
                         const std::function<void(Lookup, std::uint64_t sequence)>& then);
  void withdraw_unfinished(const std::string& id);
  void withdraw_surely(const CleanUp& what);
  void forget_begun(const std::string& id);
  void sweep();
  void on_stored(const Message* reply);
  void look_for_job(const std::string& id, std::uint64_t chunk);
  void look_at_chunk(const std::string& id, std::uint64_t chunk);

  void delete_last(const std::string& what, const std::string& id, const std::function<void(bool)>& then);

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
  ForeignMessages foreign_;
  Readiness readiness_;
  Quorum quorum_;
  Identity identity_;
  SenderCounts counts_;

  std::map<std::string, Outgoing> files_;             // by ID
  std::unordered_map<std::string, std::string> ids_;  // of paths
  std::map<std::string, Held> held_;                  // files that are not sent, by path
  std::set<std::string> hidden_;                      // what is passed over, as the last scan found it
  std::set<std::string> reported_hidden_;
  struct Fresh {
    FileIdentity identity;
    std::uint64_t seen_ns = 0;
  };
  std::map<std::string, Fresh> fresh_;  // lists and receipts that may still be written, by path
  std::deque<Folder::Entry> candidates_;
  std::set<std::string> candidate_paths_;
  std::unique_ptr<Preparing> preparing_;
  std::deque<std::string> sending_;  // IDs, in order
  // The one of them that is open: after a loss of the store there may be thousands.
  struct Reading {
    std::string id;
    UniqueFd file;
  };
  Reading reading_;
  ReceiptedFiles receipted_;
  std::set<std::string> unremoved_;  // IDs of those that could not be removed
  struct Done {
    std::uint64_t chunks = 0;
  };
  std::map<std::string, Done> done_;    // IDs of the last removals
  std::deque<std::string> done_order_;  // the oldest first
  std::deque<CleanUp> clean_ups_;
  std::deque<std::pair<std::uint64_t, std::string>> claim_reads_;  // when, and of which file
  std::map<std::string, std::string> holders_;  // the receivers that have claimed what has no receipt yet
  std::set<std::string> published_;             // IDs of jobs that have no receipt yet
  std::set<std::string> begun_;                 // IDs whose chunks may be in the store without a job
  std::vector<Outgoing> interrupted_;           // which the last process had to remove
  std::set<std::string> put_back_;              // files to which that crash had left a hidden name
  KnownReceivers receivers_;
  std::map<std::string, std::uint64_t>
      kept_had_;  // kept lists that a receiver has, when they were last counted
  std::uint64_t next_forgetting_ns_ = 0;
  bool is_to_decide_ = true;            // about requests of `forget`, or to look for them
  std::uint64_t step_ns_ = 0;           // when the last step began
  std::uint64_t listens_since_ns_ = 0;  // without a break of the connection or of this process
  std::set<std::string> returned_;      // receivers that are new or were silent
  ReceiverQuestions receipt_questions_;
  ReceiverQuestions receipt_deletions_;
  std::uint64_t next_deletions_ns_ = 0;     // of those that failed
  std::set<std::string> kept_lists_;        // IDs of lists that a receiver has, and not all of them
  std::uint64_t consumers_generation_ = 0;  // of the connection by which the consumers were read; 0: none
  std::uint64_t next_consumers_ns_ = 0;

  UniqueFd inotify_;
  std::set<std::string> watched_;
  Window window_;
  std::uint64_t in_flight_bytes_ = 0;
  std::vector<char> buffer_;  // of what is read
  std::uint64_t rounds_ = 0;
  std::uint64_t rewritten_size_ = 0;  // of the records, when they were last rewritten
  std::uint64_t next_scan_ns_ = 0;
  std::uint64_t next_early_scan_ns_ = 0;  // when something has changed
  std::uint64_t gather_since_ns_ = 0;     // receipts, for one flush; 0: not
  std::uint64_t next_check_ns_ = 0;
  std::uint64_t next_room_ns_ = 0;
  std::uint64_t next_sweep_ns_ = 0;
  std::uint64_t next_report_ns_ = 0;
  std::uint64_t paused_until_ns_ = 0;
  std::uint64_t full_since_ns_ = 0;
  std::uint64_t stuck_since_ns_ = 0;  // without anything that was stored; 0: not
  std::uint64_t epoch_changed_ns_ = 0;
  std::uint64_t known_receipt_ns_ = 0;  // when one came of what has been removed
  std::uint64_t question_ns_ = 0;       // when a receiver asked last about a file of this sender
  std::uint64_t receipt_ns_ = 0;        // when the last receipt of such a file came
  std::uint64_t claimed_since_ns_ = 0;  // claims are recorded and not durable; 0: none
  std::string seen_epoch_;
  std::vector<std::string> differences_;  // of the streams from the settings, as they were logged
  bool scanned_ = false;                  // the folder once in this process
  bool scanned_all_ = false;              // and every folder below, with room for every file
  bool may_be_known_ = true;              // files of the first scan may be on the server already
  bool changed_ = false;                  // inotify
  bool is_folder_read_ = false;           // by the last scan
};

}  // namespace paxect::carrier
