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
#include "epoch.h"
#include "event_log.h"
#include "exchange.h"
#include "folder.h"
#include "incoming.h"
#include "names.h"
#include "problems.h"
#include "records.h"
#include "settings.h"
#include "state_directory.h"

namespace paxect::carrier {

struct ReceiverCounts {
  std::uint64_t delivered = 0;
  std::uint64_t delivered_bytes = 0;
  std::uint64_t lists = 0;
  std::uint64_t repeated = 0;  // jobs that were delivered before
  std::uint64_t damaged = 0;
  std::uint64_t poison = 0;
  std::uint64_t left = 0;  // jobs that another receiver has claimed
};

class Receiver {
 public:
  Receiver(const Host& host, const Settings& settings, const StateDirectory& state, Connection* connection);

  // Reads the records.
  Status start();
  // One batch, or a fetch. Returns when to be called next: 0 for at once.
  std::uint64_t step();
  // Whether the server has nothing for us.
  bool is_idle() const;

  const ReceiverCounts& counts() const { return counts_; }
  const Problems& problems() const { return problems_; }
  const std::map<std::string, Intent>& intents() const { return intents_; }
  const std::map<std::string, Delivered>& delivered() const { return delivered_; }
  std::size_t unconfirmed() const { return unconfirmed_.size(); }

 private:
  enum class Verdict { kDeliver, kLater, kFinished };
  enum class Lookup { kFound, kMissing, kUnknown };

  // receiver.cc
  Status rewrite_records();
  static std::string delivered_record(const std::string& id, const Delivered& done);
  void tend_connection();
  void tend_folder();
  void remove_temporaries();
  void on_message(std::unique_ptr<Message> message);
  void fetch();
  std::size_t room();
  void work();
  void take(const Message& message, std::vector<Incoming>* batch);
  Verdict decide(Incoming* job);
  Verdict refuse_own_claim(const Job& job);
  Verdict ask_senders(const Job& job, std::uint64_t sequence);
  void on_epoch();
  void poison(const Message& message, const char* what, const std::string& reason);
  void take_list(const Message& message);
  Status put_list(const Job& job, const std::string& contents, bool* refused);

  // receiver_fetch.cc: contents
  void download(std::vector<Incoming>* batch);
  bool request_chunk(Incoming* job, std::uint64_t number, unsigned attempt);
  void on_chunk(Incoming* job, std::uint64_t number, unsigned attempt, const Message* reply);
  Status write_chunk(Incoming* job, std::uint64_t number, std::string_view data);
  enum class Flush { kNow, kLater };
  Status make_durable(std::vector<Incoming>* batch);
  void give_back(const std::string& ack, std::uint64_t delay_ns);
  Status write_sidecar(const Job& job, Flush flush);
  void send_again(Incoming* job);
  void fail(const std::string& what, std::vector<Incoming>* batch);

  // receiver_delivery.cc: claims, names, receipts
  void finish();
  bool confirm_epoch(Intent* intent, bool* gone);
  bool confirm_seen(Intent* intent, bool* gone);
  void claim();
  void on_claimed(const std::string& id, const Message* reply);
  void read_claims();
  void drop(const std::string& id);
  Status deliver(const Intent& intent, std::string* at, std::set<std::string>* folders);
  Status place_sidecar(const Job& job, const std::string& name, bool* taken);
  void publish_receipts();
  void confirm(const std::string& id);
  void check_receipt(const std::string& id);
  Status flush_records();
  void on_receipted(const std::string& id, const Message* reply);
  void tidy_server(const Intent& intent);

  Lookup look_up(const std::string& what, const std::string& id, std::string* text, std::uint64_t* sequence);
  // Sends a request and waits for its reply; false without one.
  bool call(const std::string& subject, std::string_view data);
  void remove_message(const std::string& what, std::uint64_t sequence);
  bool pulse();
  void keep_alive(const std::string& ack) { in_hand_.insert(ack); }
  void acknowledge(const std::string& ack, std::string_view word);

  const Host& host_;
  const Settings& settings_;
  const StateDirectory& state_;
  Connection& connection_;
  Names names_;
  Exchange exchange_;
  Epoch epoch_;
  Folder folder_;
  Records records_;
  EventLog log_;
  Problems problems_;
  ReceiverCounts counts_;

  std::deque<std::unique_ptr<Message>> jobs_;
  std::deque<std::unique_ptr<Message>> lists_;
  std::map<std::string, Intent> intents_;
  std::map<std::string, Delivered> delivered_;
  std::set<std::string> unconfirmed_;  // IDs of deliveries whose receipts are not known to be stored
  std::set<std::string> disputed_;     // IDs of intents whose claim was refused
  std::set<std::string> in_hand_;      // subjects by which jobs are acknowledged
  std::deque<std::pair<std::uint64_t, std::string>> recent_;  // what was delivered, and when

  struct Fetch {
    std::uint64_t number = 0;  // of the request; 0: none
    std::size_t open = 0;      // messages that may still come
    std::uint64_t until_ns = 0;
  };
  Fetch job_fetch_;
  Fetch list_fetch_;
  std::vector<Intent> finished_;  // delivered; their chunks go when their receipts are stored
  std::string trouble_;           // of our own disk, in this download
  std::uint64_t download_ = 0;
  std::size_t chunks_in_flight_ = 0;
  bool was_large_ = false;    // the last job
  bool is_cautious_ = false;  // one job at a time, after a failure of our own disk
  bool idle_ = false;         // the last fetch found nothing
  std::uint64_t pulse_ns_ = 0;
  std::uint64_t next_streams_ns_ = 0;
  std::uint64_t next_finish_ns_ = 0;
  std::uint64_t next_receipts_ns_ = 0;
  std::uint64_t paused_until_ns_ = 0;
  std::uint64_t generation_ = 0;
  std::string seen_epoch_;
  bool streams_ready_ = false;
};

// Nanoseconds on a clock that counts the time in which the machine sleeps.
std::uint64_t boottime_ns();

}  // namespace paxect::carrier
