#include "relay/metrics.h"

#include <paxect/core.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "base/published_file.h"
#include "base/relay_paths.h"
#include "base/version.h"
#include "stages/trust.h"

namespace paxect::link {
namespace {

using Labels = std::map<std::string, std::string>;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr std::array<const char*, 3> kDirections = {"encode", "decode", "forward"};     // by Route
constexpr std::array<const char*, 3> kResults = {"delivered", "duplicate", "renamed"};  // by Published
constexpr std::array<std::string_view, 12> kReasons = {
    "untrusted_node", "disallowed_suffix", "file_too_large",     "name_too_long",
    "rejected_peer",  "checksum_mismatch", "sidecar_unreadable", "encode_error",
    "decode_error",   "read_error",        "deferred",           "other"};

constexpr std::array<FileState, 6> kQueueStates = {FileState::kReady,   FileState::kSettling,
                                                   FileState::kWorking, FileState::kPending,
                                                   FileState::kBlocked, FileState::kHeld};
constexpr std::array<const char*, 4> kWaitingFor = {"inbox", "outbox", "recovery", "start"};

double seconds(std::int64_t ns) { return static_cast<double>(ns) / static_cast<double>(kSecond); }

// "/a/paxect-north.prom" -> "paxect-north"
std::string relay_label(const std::string& path) {
  std::string name(base_name(path));
  std::size_t dot = name.rfind('.');
  return dot == 0 || dot == std::string::npos ? name : name.substr(0, dot);
}

}  // namespace

// All series are there from the start, at 0: a rate over the first failure would otherwise miss it.
struct Metrics::Series {
  explicit Series(const std::string& relay) : common{{"relay", relay}} {}

  Family<Counter>& counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(common).Register(registry);
  }
  Family<Gauge>& gauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Labels(common).Register(registry);
  }
  Gauge& gauge(const char* name, const char* help) { return gauges(name, help).Add({}); }
  Family<Histogram>& histograms(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Labels(common).Register(registry);
  }

  const Labels common;
  prometheus::Registry registry;

  Family<Counter>& files = counters("paxect_link_files_total", "Files that reached the end of a direction.");
  Family<Counter>& bytes =
      counters("paxect_link_bytes_total", "Bytes of these files, without what a container adds.");
  Family<Counter>& container_bytes =
      counters("paxect_link_container_bytes_total", "Bytes of the containers of these files.");
  Family<Counter>& failures =
      counters("paxect_link_failures_total", "Tries that came to nothing, by what was in the way.");
  Counter& quarantined =
      counters("paxect_link_quarantined_total", "Files moved to quarantine since the start.").Add({});

  Counter& repaired =
      counters("paxect_link_repaired_total", "Damaged containers that were repaired and delivered.").Add({});
  Counter& repaired_cells =
      counters("paxect_link_repaired_cells_total", "Damaged cells of these containers.").Add({});

  Family<Histogram>& sizes = histograms("paxect_link_file_size_bytes", "Sizes of delivered files.");
  Family<Histogram>& latencies = histograms("paxect_link_delivery_latency_seconds",
                                            "From a file's arrival in the inbox to its durable delivery.");

  Family<Gauge>& queue = gauges("paxect_link_queue_files", "Files in the inbox that are not delivered.");
  Gauge& oldest =
      gauge("paxect_link_queue_oldest_age_seconds",
            "Time since the arrival of the oldest file that is ready, working or pending, 0 without one.");
  Gauge& in_hand = gauge("paxect_link_in_hand_bytes", "Size of the large files that are being worked on.");
  Gauge& in_hand_read =
      gauge("paxect_link_in_hand_read_bytes", "Bytes of these files that were read so far.");
  Gauge& in_hand_age = gauge("paxect_link_in_hand_age_seconds",
                             "For how long the first of these files has been worked on, 0 without one.");
  Gauge& in_quarantine = gauge("paxect_link_quarantine_files", "Files in quarantine.");
  Family<Gauge>& peers = gauges("paxect_link_peers", "Manifests of peers, by what they are worth.");
  Gauge& proof_expected =
      gauge("paxect_link_proof_expected", "Listed containers that are not here and not late.");
  Gauge& proof_missing =
      gauge("paxect_link_proof_missing", "Listed containers that are late, and numbers that no list fills.");
  Gauge& proof_unlisted =
      gauge("paxect_link_proof_unlisted", "Containers in the inbox that no verified list names.");
  Gauge& proof_replayed =
      gauge("paxect_link_proof_replayed", "Containers in the inbox whose entry was used up by another copy.");
  Gauge& proof_jumped =
      gauge("paxect_link_proof_jumped", "Lists that wait: more than max_jump are missing before them.");
  Gauge& proof_silent = gauge("paxect_link_proof_silent", "Streams whose next list is overdue.");
  Gauge& proof_forked = gauge("paxect_link_proof_forked", "Streams with two texts for one number.");
  Counter& lists = counters("paxect_link_proof_lists_total", "Lists that got their names.").Add({});
  Gauge& unreceipted = gauge("paxect_link_proof_unreceipted",
                             "Listed containers that not every receiver has said it delivered.");
  Gauge& unreceipted_age = gauge("paxect_link_proof_unreceipted_oldest_age_seconds",
                                 "Time since the first of them was listed, 0 without one.");
  Gauge& receipt_time =
      gauge("paxect_link_proof_receipt_timestamp_seconds",
            "When the newest receipt was made, of the receiver furthest behind; 0 while one has none.");
  Family<Gauge>& reported =
      gauges("paxect_link_proof_reported", "Containers that receivers call missing or refused.");
  Gauge& troubles = gauge("paxect_link_troubles",
                          "Problems of its own, such as a full disk, that hold up some of the work.");
  Family<Gauge>& waiting =
      gauges("paxect_link_waiting", "1 while the relay waits for this, and moves no file.");
  Family<Gauge>& last_success = gauges("paxect_link_last_delivery_timestamp_seconds",
                                       "When the last file was delivered since the start, 0 without one.");
  Gauge& running = gauge("paxect_link_running", "1 while the relay runs, 0 when it has stopped cleanly.");
  Gauge& start_time = gauge("paxect_link_start_time_seconds", "When the relay started.");
  Gauge& written = gauge("paxect_link_written_timestamp_seconds", "When these metrics were written.");
  Family<Gauge>& build_info = gauges("paxect_link_build_info", "Versions, in labels; always 1.");

  struct Buckets {
    static Histogram::BucketBoundaries sizes() {
      return {1024, 16384, 262144, 4194304, 67108864, 1073741824, 17179869184};
    }
    static Histogram::BucketBoundaries latencies() {
      return {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400};
    }
  };
};

Metrics::Metrics(const std::string& path, std::int64_t start_utc_ns)
    : path_(path), series_(std::make_unique<Series>(relay_label(path))) {
  Series& series = *series_;
  for (const char* direction : kDirections) {
    for (const char* result : kResults) {
      series.files.Add({{"direction", direction}, {"result", result}});
      series.bytes.Add({{"direction", direction}, {"result", result}});
    }
    for (const char* result : {"blocked", "failed"})
      series.files.Add({{"direction", direction}, {"result", result}});
    series.container_bytes.Add({{"direction", direction}});
    series.sizes.Add({{"direction", direction}}, Series::Buckets::sizes());
    series.latencies.Add({{"direction", direction}}, Series::Buckets::latencies());
    series.last_success.Add({{"direction", direction}});
  }
  for (std::string_view reason : kReasons) series.failures.Add({{"reason", std::string(reason)}});
  series.start_time.Set(seconds(start_utc_ns));
  series.build_info.Add({{"version", kVersion}, {"core_version", paxect_core_version_string()}}).Set(1);
}

Metrics::~Metrics() = default;

void Metrics::delivered(Route route, Published published, const Codec::Result& result,
                        std::int64_t arrived_ns, std::int64_t utc_ns) {
  Series& series = *series_;
  const std::string direction = kDirections[static_cast<std::size_t>(route)];
  const Labels labels = {{"direction", direction}, {"result", kResults[static_cast<std::size_t>(published)]}};
  auto size = static_cast<double>(result.data_size);
  series.files.Add(labels).Increment();
  series.bytes.Add(labels).Increment(size);
  series.container_bytes.Add({{"direction", direction}})
      .Increment(static_cast<double>(result.container_size));
  series.sizes.Add({{"direction", direction}}, Series::Buckets::sizes()).Observe(size);
  series.latencies.Add({{"direction", direction}}, Series::Buckets::latencies())
      .Observe(std::max(0.0, seconds(utc_ns - arrived_ns)));
  series.last_success.Add({{"direction", direction}}).Set(seconds(utc_ns));
}

void Metrics::repaired(std::uint64_t cells) {
  series_->repaired.Increment();
  series_->repaired_cells.Increment(static_cast<double>(cells));
}

void Metrics::failed(Route route, const Status& status) {
  if (status.fault == Fault::kWait || status.fault == Fault::kChanged) return;
  const char* result = status.fault == Fault::kBlocked ? "blocked" : "failed";
  series_->files.Add({{"direction", kDirections[static_cast<std::size_t>(route)]}, {"result", result}})
      .Increment();
  series_->failures.Add({{"reason", std::string(reason_label(status))}}).Increment();
}

void Metrics::quarantined() { series_->quarantined.Increment(); }

std::string Metrics::text(const MetricsSnapshot& snapshot) {
  Series& series = *series_;
  auto queue = [&](const std::string& state, std::uint64_t count) {
    series.queue.Add({{"state", state}}).Set(static_cast<double>(count));
  };
  for (FileState state : kQueueStates) queue(std::string(name_of(state)), snapshot.files.of(state));
  series.oldest.Set(static_cast<double>(snapshot.oldest_age_s));
  for (const char* about : kWaitingFor)
    series.waiting.Add({{"for", about}}).Set(snapshot.waiting_for.contains(about) ? 1 : 0);
  series.in_hand.Set(static_cast<double>(snapshot.in_hand_bytes));
  series.in_hand_read.Set(static_cast<double>(snapshot.in_hand_read_bytes));
  const bool is_working = snapshot.in_hand_since_utc_ns != 0;
  series.in_hand_age.Set(is_working ? std::max(0.0, seconds(snapshot.utc_ns - snapshot.in_hand_since_utc_ns))
                                    : 0);
  series.in_quarantine.Set(static_cast<double>(snapshot.in_quarantine));
  for (const auto& [state, count] : snapshot.peers)
    series.peers.Add({{"state", std::string(state)}}).Set(static_cast<double>(count));
  series.proof_expected.Set(static_cast<double>(snapshot.proof_expected));
  series.proof_missing.Set(static_cast<double>(snapshot.proof_missing));
  series.proof_unlisted.Set(static_cast<double>(snapshot.proof_unlisted));
  series.proof_replayed.Set(static_cast<double>(snapshot.proof_replayed));
  series.proof_jumped.Set(static_cast<double>(snapshot.proof_jumped));
  series.proof_silent.Set(static_cast<double>(snapshot.proof_silent));
  series.proof_forked.Set(static_cast<double>(snapshot.proof_forked));
  series.lists.Increment(static_cast<double>(snapshot.lists_written) - series.lists.Value());
  series.unreceipted.Set(static_cast<double>(snapshot.unreceipted));
  series.unreceipted_age.Set(static_cast<double>(snapshot.unreceipted_age_s));
  series.receipt_time.Set(static_cast<double>(snapshot.receipt_utc_s));
  series.reported.Add({{"outcome", "missing"}}).Set(static_cast<double>(snapshot.reported_missing));
  series.reported.Add({{"outcome", "refused"}}).Set(static_cast<double>(snapshot.reported_refused));
  series.troubles.Set(static_cast<double>(snapshot.troubles));
  series.running.Set(snapshot.running ? 1 : 0);
  series.written.Set(seconds(snapshot.utc_ns));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, series.registry.Collect());
  return out.str();
}

Status Metrics::write(const MetricsSnapshot& snapshot, std::uint64_t monotonic_ns) {
  due_ns_ = monotonic_ns + kInterval;
  return publish_file(path_, text(snapshot), Durable::kNothing, 0644);
}

std::string_view reason_label(const Status& status) {
  std::string_view reason = status.event;
  if (status.event == "policy_block")
    reason = std::string_view(status.message).substr(0, status.message.find(':'));
  auto known = std::find(kReasons.begin(), kReasons.end(), reason);
  return known == kReasons.end() ? kReasons.back() : *known;
}

}  // namespace paxect::link
