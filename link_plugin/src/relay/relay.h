// The relay: puts the stages in order and decides what becomes of each file.
//
//   intake -> policy -> codec -> delivery -> audit
//
// step() does one bounded batch of small files: it takes the oldest complete ones, gates them, works on them
// side by side, and commits them together, so that they share the flushes of journal, directories and log. A
// large file is worked on over many steps. Everything but the work itself happens on the calling thread. One
// thread at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/completeness.h"
#include "base/descriptor_share.h"
#include "base/host.h"
#include "base/tree.h"
#include "records/journal.h"
#include "records/ledger.h"
#include "records/relay_lock.h"
#include "records/state_file.h"
#include "relay/failures.h"
#include "relay/lanes.h"
#include "relay/latency_window.h"
#include "relay/list_sender.h"
#include "relay/metrics.h"
#include "relay/places.h"
#include "relay/receipts.h"
#include "relay/receiver.h"
#include "relay/recovery.h"
#include "relay/reporter.h"
#include "relay/schedule.h"
#include "relay/source_removal.h"
#include "relay/transfer.h"
#include "settings/link_config.h"
#include "settings/policy_file.h"
#include "stages/intake.h"
#include "stages/quarantine.h"
#include "stages/trust.h"
#include "stages/watcher.h"

namespace paxect::link {

class Relay {
 public:
  explicit Relay(const Host& host);
  ~Relay();

  // As in the plugin's life cycle; the text of a failure is in error().
  paxect_plugin_status init();
  paxect_plugin_status start();
  paxect_plugin_status step(paxect_step* result);
  void stop();
  // Reads policy, key and peers again, changed or not, and opens the log again. Always PAXECT_PLUGIN_OK: what
  // cannot be read is logged, and the previous one stays in force.
  paxect_plugin_status reload();
  const std::string& error() const { return error_; }

 private:
  // relay_start.cc
  paxect_plugin_status fail(paxect_plugin_status status, const std::string& message);
  void make_parts();
  paxect_plugin_status begin();
  paxect_plugin_status step_start(paxect_step* result);
  void wait_or_flush();
  Status take_lock();
  Status write_policy();
  Status read_pinned();
  Status open_log();
  Status open_places();
  Status announce();

  // relay_recovery.cc: what an earlier process left
  Status open_journal();
  Status check_journal();
  Status recover_intents();
  void retry_recovery(std::uint64_t now_ns);
  Status resolve_left(Delivered* delivered, std::set<std::uint64_t>* over);
  bool is_logged(const Intent& intent) const;
  void finish_recovered(const Intent& intent, const Verdict& verdict, Delivered* delivered);
  void hold(const Intent& intent, const std::string& why);
  void hold_unseen();
  void hold_folder(const Directory& folder, const std::string& relative, std::int64_t before_ns = INT64_MAX);
  void hold_older(std::int64_t made);
  bool is_held(const Candidate& candidate);

  // relay_upkeep.cc: what is looked after between batches
  void upkeep(std::uint64_t now_ns);
  bool check_places();
  bool resume();
  void reload_policy();
  void reload_key();
  void look_after_proof(std::uint64_t now_ns);
  void issue_receipts(std::uint64_t now_ns, bool now_or_never);
  void refresh_peers();
  void write_manifest();
  void drain_events();
  bool is_within_other_place(const std::string& folder);
  void notice(const std::string& folder, const std::string& name);
  void note_returned(const Directory& folder, const Candidate& source, const std::vector<std::string>& names);

  // relay.cc: the flow
  paxect_plugin_status step_work(paxect_step* result);
  void note_exception(const char* what, paxect_step* result);
  void work(paxect_step* result);
  void stall(std::uint64_t delay_ns, paxect_step* result);
  void flush_log();
  void serve_reports();
  bool tend_lists();
  void scan(std::uint64_t begin_ns);
  FileState classify(const Candidate& candidate);
  void start_large_files();
  std::vector<Transfer> next_batch();
  bool admit(const Candidate& candidate, Transfer* transfer);
  void plan_paths(Transfer* transfer);
  bool has_trouble() const;
  void schedule_wakeup(paxect_step* result);
  void schedule_reports();
  void set_watches(paxect_step* result);

  // relay_state.cc
  std::map<std::string, std::string> waiting_for() const;
  std::int64_t utc_of(std::int64_t monotonic_ns);
  WaitingFile waiting_file(const Wait& wait);
  std::optional<std::int32_t> oldest_arrival();
  void write_state();
  void recall_attempts();

  // relay_sandbox.cc
  Status enter_sandbox();

  // relay_metrics.cc
  MetricsSnapshot measure(bool running);
  void count_delivery(const Transfer& transfer);
  void write_metrics(bool running);

  // Commits what is written; false when a problem of our own holds up a batch.
  bool advance_batches();
  void note_ended_batches();
  void end_batches();
  void note_delivered(const Transfer& transfer);
  // Forgets what is over, once the removal of its sources is durable.
  void checkpoint();
  // The folder that the product of an intent goes to; created when missing in the outbox.
  void note_left_behind(const Intent& intent);
  Status open_target_folder(const Intent& intent, std::shared_ptr<const Directory>* out);

  Host host_;
  Reporter reporter_;
  std::string error_;
  LinkConfig config_;
  std::optional<PolicyFile> policy_file_;  // since init()
  Policy policy_;
  std::vector<std::string> policy_warnings_;
  bool policy_missing_ = false;

  DescriptorShare descriptors_;
  RelayLock lock_;
  RelayLock state_lock_;  // of the relay's records, where those are not beside the lock
  std::string stale_lock_;
  Journal journal_;
  Tree inbox_;
  Tree outbox_;
  std::optional<Places> places_;
  std::optional<Quarantine> quarantine_;
  PeerTable peers_;
  Watcher watcher_;
  std::vector<paxect_watch> watches_;
  std::optional<Completeness> completeness_;
  std::optional<Ledger> ledger_;
  std::optional<Intake> intake_;
  Schedule schedule_;
  std::optional<SourceRemoval> removal_;
  std::optional<Failures> failures_;
  std::optional<ListSender> lists_;
  std::optional<Receiver> receiver_;
  std::optional<Receipts> receipts_;
  std::optional<KeptSources> kept_;
  std::optional<StateFile> state_file_;
  std::optional<std::int32_t> oldest_arrival_s_;  // as it was counted last
  std::uint64_t oldest_due_ns_ = 0;               // when it is counted again
  std::int64_t clock_offset_ns_ = 0;  // of the wall clock to the monotonic one, as it was last reported
  LatencyWindow latency_{};
  std::optional<Metrics> metrics_;    // when asked for
  std::string metrics_problem_;       // reported last
  std::uint64_t repaired_files_ = 0;  // since the start
  std::uint64_t repaired_cells_ = 0;
  std::mt19937_64 random_;
  std::string journal_damage_;   // found when it was opened, and not dealt with yet
  std::set<std::string> swept_;  // target folders, by the token of their place
  std::size_t steps_done_ = 0;   // of a start
  bool started_ = false;
  // A place was opened again, or an exception ended a step: what is left of deliveries is to be resolved.
  bool must_recover_ = false;

  std::uint64_t scanned_ns_ = 0;  // when the last scan began
  bool worked_since_scan_ = false;
  std::uint64_t manifest_due_ns_ = 0;
  std::uint64_t retry_due_ns_ = 0;        // of the recovery of intents that are open
  std::uint64_t scan_pause_ends_ns_ = 0;  // when the next scan may begin because of an event
  unsigned stalls_ = 0;                   // steps in a row that could not go on
  unsigned exceptions_ = 0;               // steps in a row that an exception ended

  std::optional<Lanes> lanes_;  // last: their threads use what is above
};

}  // namespace paxect::link
