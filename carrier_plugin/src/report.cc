#include "report.h"

#include <fcntl.h>
#include <prometheus/text_serializer.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "event_log.h"
#include "json_object.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMetricsTime =
    5 * kSecond;  // a file that is older is of an instance that is gone or hangs
constexpr std::uint64_t kStatusTime = 5 * kSecond;

const char* phase_text(const Outgoing& file) {
  switch (file.phase) {
    case Phase::kChecking:
    case Phase::kSending:
    case Phase::kPublishing:
      return "sending";
    case Phase::kWaiting:
      return file.holder.empty() ? "sent" : "claimed";
    case Phase::kHeld:
      return "held";
    case Phase::kDelivered:
      return "delivered";
  }
  return "";
}

std::string array_of(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const std::string& item : items) text += (text.size() == 1 ? "" : ",") + item;
  return text + "]";
}

std::string problems_array(const Problems& problems) {
  std::vector<std::string> items;
  for (const auto& [what, text] : problems.all())
    items.push_back(JsonObject().add("what", what).add("text", text).text());
  return array_of(items);
}

// Files that were sent and not delivered, until the next try.
std::uint64_t held_after_attempts(const Sender& sender) {
  return static_cast<std::uint64_t>(
      std::count_if(sender.files().begin(), sender.files().end(),
                    [](const auto& file) { return file.second.phase == Phase::kHeld; }));
}

void add_sender(const Sender& sender, JsonObject* object) {
  std::vector<std::string> items;
  std::uint64_t waiting = 0;
  std::uint64_t unremoved = 0;
  std::array<std::vector<const Outgoing*>, 3> ranks;
  for (const auto& [id, file] : sender.files()) {
    const bool is_kept = sender.kept_lists().contains(id);
    if (file.phase == Phase::kWaiting && !is_kept) ++waiting;
    if (file.phase == Phase::kDelivered) ++unremoved;
    ranks[!file.trouble.empty() ? 0 : is_kept ? 2 : 1].push_back(&file);
  }
  // What has a reason is named first, and the lists that wait for a receiver which is away last.
  for (const std::vector<const Outgoing*>& rank : ranks)
    for (const Outgoing* file : rank) {
      if (items.size() >= kMaxReportedNames) break;
      JsonObject item;
      item.add("name", file->job.name).add("state", phase_text(*file)).add("id", file->job.id);
      item.add("size", file->job.size).add("bytes", file->stored_bytes()).add("receiver", file->holder);
      item.add("reason", file->trouble.empty() ? sender.lacking_text(*file) : file->trouble);
      items.push_back(item.text());
    }
  std::uint64_t held = held_after_attempts(sender);
  for (const auto& [name, one] : sender.held()) {
    ++held;
    if (items.size() >= kMaxReportedNames) continue;
    JsonObject item;
    item.add("name", name).add("state", "held").add("id", "").add("size", one.identity.size);
    item.add("receiver", "").add("reason", one.reason);
    items.push_back(item.text());
  }
  const std::uint64_t kept = sender.kept_lists().size();
  object->add("waiting", sender.candidates() + sender.files().size() - waiting - unremoved - kept);
  object->add("unconfirmed", waiting).add("unremoved", unremoved).add("kept_lists", kept);
  object->add("held", held).add("hidden", std::uint64_t{sender.hidden()});
  object->add("refused", sender.refusals().count());
  object->add("foreign", sender.foreign().count()).add("delivered", sender.counts().sent);
  object->add("delivered_bytes", sender.counts().sent_bytes).add("resent", sender.counts().resent);
  object->add_json("files", array_of(items)).add_json("problems", problems_array(sender.problems()));
  std::vector<std::string> receivers;
  for (const Sender::ListedReceiver& one : sender.receivers(kMaxReportedNames)) {
    JsonObject item;
    item.add("id", one.known.id).add("place", one.known.place).add("connected", one.is_there);
    item.add("last_seen_utc", utc_text(one.known.seen_ns)).add("lists", one.lists);
    receivers.push_back(item.text());
  }
  object->add_json("receivers", array_of(receivers));
}

void add_receiver(const Receiver& receiver, JsonObject* object) {
  std::vector<std::string> items;
  if (receiver.fetching() != nullptr)
    for (const Incoming& one : *receiver.fetching()) {
      if (items.size() >= kMaxReportedNames) break;
      // At its end, what is durable is there as an intent too.
      if (receiver.intents().contains(one.job.id)) continue;
      JsonObject item;
      item.add("name", one.job.name).add("state", "fetching").add("id", one.job.id).add("size", one.job.size);
      item.add("bytes", one.fetched_bytes()).add("receiver", "").add("reason", "");
      items.push_back(item.text());
    }
  for (const auto& [id, intent] : receiver.intents()) {
    if (items.size() >= kMaxReportedNames) break;
    JsonObject item;
    item.add("name", intent.job.name).add("state", intent.claimed ? "claimed" : "fetched").add("id", id);
    item.add("size", intent.job.size).add("receiver", "").add("reason", "");
    items.push_back(item.text());
  }
  for (const auto& [id, refused] : receiver.refused()) {
    if (items.size() >= kMaxReportedNames) break;
    JsonObject item;
    item.add("name", refused.job.name).add("state", "held").add("id", id).add("size", refused.job.size);
    items.push_back(item.add("receiver", "").add("reason", refused.reason).text());
  }
  const ReceiverCounts& counts = receiver.counts();
  object->add("waiting", std::uint64_t{receiver.intents().size()});
  object->add("unconfirmed", std::uint64_t{receiver.unconfirmed()});
  object->add("held", std::uint64_t{receiver.refused().size()});
  object->add("delivered", counts.delivered).add("delivered_bytes", counts.delivered_bytes);
  object->add("lists", counts.lists).add("repeated", counts.repeated).add("damaged", counts.damaged);
  object->add("poison", counts.poison).add("left", counts.left);
  object->add("refused", receiver.refusals().count());
  object->add_json("files", array_of(items)).add_json("problems", problems_array(receiver.problems()));
}

class Families {
 public:
  explicit Families(std::string carrier) : carrier_(std::move(carrier)) {}

  void add(const char* name, const char* help, prometheus::MetricType type, double value) {
    prometheus::ClientMetric metric;
    metric.label = {{"carrier", carrier_}};
    metric.counter.value = value;
    metric.gauge.value = value;
    families_.push_back({name, help, type, {metric}});
  }
  void count(const char* name, const char* help, std::uint64_t value) {
    add(name, help, prometheus::MetricType::Counter, static_cast<double>(value));
  }
  void gauge(const char* name, const char* help, std::uint64_t value) {
    add(name, help, prometheus::MetricType::Gauge, static_cast<double>(value));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::string carrier_;
  std::vector<prometheus::MetricFamily> families_;
};

// The name of the file without .prom: it distinguishes the carriers of a host, whose sections may have one
// name. Prometheus refuses a label that is not UTF-8.
std::string label_of(const std::string& path) {
  constexpr std::string_view kSuffix = ".prom";
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.size() > kSuffix.size() && name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  for (char& c : name)
    if (static_cast<unsigned char>(c) >= 0x80) c = '_';
  return name;
}

void add_instance(const Connection& connection, bool running, std::int64_t utc_ns, Families* all) {
  all->gauge("paxect_carrier_running", "1, and 0 after a clean stop.", running ? 1 : 0);
  all->add("paxect_carrier_written_timestamp_seconds", "When this file was written.",
           prometheus::MetricType::Gauge, static_cast<double>(utc_ns) / static_cast<double>(kSecond));
  all->gauge("paxect_carrier_connected", "Whether there is a connection to a server.",
             connection.is_connected() ? 1 : 0);
}

void add_sender_metrics(const Sender& sender, Families* all) {
  std::uint64_t waiting = 0;
  std::uint64_t unremoved = 0;
  for (const auto& [id, file] : sender.files()) {
    if (file.phase == Phase::kWaiting && !sender.kept_lists().contains(id)) ++waiting;
    unremoved += file.phase == Phase::kDelivered ? 1 : 0;
  }
  const std::size_t kept = sender.kept_lists().size();
  const SenderCounts& counts = sender.counts();
  all->gauge("paxect_carrier_problems", "Conditions that hold things up.", sender.problems().all().size());
  all->gauge("paxect_carrier_waiting", "Files that are not on the server.",
             sender.candidates() + sender.files().size() - waiting - unremoved - kept);
  all->gauge("paxect_carrier_unconfirmed", "Files on the server without a receipt.", waiting);
  all->gauge("paxect_carrier_kept_lists", "Lists that a receiver has, and not all of them.", kept);
  all->gauge("paxect_carrier_held", "Files that are not sent, with a reason.",
             sender.held().size() + held_after_attempts(sender));
  all->count("paxect_carrier_sent_total", "Files that were delivered and removed.", counts.sent);
  all->count("paxect_carrier_sent_bytes_total", "Their bytes.", counts.sent_bytes);
  all->count("paxect_carrier_resent_total", "Files that had to be published again.", counts.resent);
  all->count("paxect_carrier_foreign_total", "Messages of others, which were ignored.",
             sender.foreign().count());
  all->count("paxect_carrier_refused_total", "Messages that the server refused to store.",
             sender.refusals().count());
  all->count("paxect_carrier_reports_total", "Reports of receivers that could not deliver.", counts.reports);
}

void add_receiver_metrics(const Receiver& receiver, Families* all) {
  const ReceiverCounts& counts = receiver.counts();
  all->gauge("paxect_carrier_problems", "Conditions that hold things up.", receiver.problems().all().size());
  all->gauge("paxect_carrier_waiting", "Files that are fetched and not delivered.",
             receiver.intents().size());
  all->gauge("paxect_carrier_held", "Files that cannot be delivered here, with a reason.",
             receiver.refused().size());
  all->gauge("paxect_carrier_unconfirmed", "Deliveries whose receipts are not stored yet.",
             receiver.unconfirmed());
  all->count("paxect_carrier_delivered_total", "Files that were delivered, without lists.", counts.delivered);
  all->count("paxect_carrier_delivered_bytes_total", "Their bytes.", counts.delivered_bytes);
  all->count("paxect_carrier_fetched_bytes_total",
             "Bytes of contents that came from the server, again or in vain too.", counts.fetched_bytes);
  all->count("paxect_carrier_lists_total", "Lists, receipts and signatures that were delivered.",
             counts.lists);
  all->count("paxect_carrier_repeated_total", "Jobs that came again after their delivery.", counts.repeated);
  all->count("paxect_carrier_damaged_total", "Jobs whose contents were missing or damaged.", counts.damaged);
  all->count("paxect_carrier_poison_total", "Messages that were set aside.", counts.poison);
  all->count("paxect_carrier_refused_total", "Messages that the server refused to store.",
             receiver.refusals().count());
  all->count("paxect_carrier_left_total", "Jobs that another receiver had claimed.", counts.left);
}

}  // namespace

void Reporter::write(const Connection& connection, const Sender* sender, const Receiver* receiver) {
  const std::uint64_t now = host_.monotonic_ns();
  if (now < next_ns_) return;
  next_ns_ = now + kSecond;
  write_now(connection, sender, receiver, true);
}

void Reporter::write_now(const Connection& connection, const Sender* sender, const Receiver* receiver,
                         bool running) {
  JsonObject object;
  object.add("mode", settings_.mode == Mode::kSend ? "send" : "receive").add("id", state_.token());
  object.add("subject", settings_.subject).add("folder", settings_.folder);
  object.add("connected", connection.is_connected()).add("server", connection.server_url());
  if (sender != nullptr) add_sender(*sender, &object);
  if (receiver != nullptr) add_receiver(*receiver, &object);
  const std::uint64_t now = host_.monotonic_ns();
  const std::string text = object.text();
  const bool changed = text != std::exchange(last_, text) || now >= next_status_ns_;
  if (changed) {
    next_status_ns_ = now + kStatusTime;
    const std::string time = ",\"written_ns\":" + std::to_string(boottime_ns()) + "}\n";
    replace(state_.path("status.json"), text.substr(0, text.size() - 1) + time, 0640);
  }
  if (settings_.metrics_file.empty() || (running && !changed && now < next_metrics_ns_)) return;
  next_metrics_ns_ = now + kMetricsTime;
  Families all(label_of(settings_.metrics_file));
  add_instance(connection, running, host_.realtime_ns(), &all);
  if (sender != nullptr) add_sender_metrics(*sender, &all);
  if (receiver != nullptr) add_receiver_metrics(*receiver, &all);
  replace(settings_.metrics_file, all.text(), 0644);
}

namespace {

// A rename would put a file in the place of a device, a FIFO or a symbolic link that others use.
bool is_replaceable(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode);
}

}  // namespace

Status check_metrics_file(const Host& host, const std::string& path) {
  if (path.empty() || is_replaceable(path)) return Status::success();
  return Status::failure(
      host.describe("metrics_file") +
      ": metrics_file must be a regular file or not exist: it is replaced each time, and a "
      "device, FIFO, socket, directory or symbolic link would be lost: give the path of a file");
}

// Whoever collects metrics is another user, whatever the umask of the service is.
void Reporter::replace(const std::string& path, const std::string& text, mode_t mode) {
  const std::string temporary = path + ".part";
  bool written = false;
  {
    // Without a wait for the reader of a FIFO.
    const UniqueFd file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode));
    struct stat info {};
    written = file.valid() && fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) &&
              fchmod(file.get(), mode) == 0 &&
              ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  int error = errno;
  const bool is_file = is_replaceable(path);
  if (written && is_file) {
    written = rename(temporary.c_str(), path.c_str()) == 0;
    error = errno;
  } else if (written) {
    unlink(temporary.c_str());
    written = false;
  }
  if (written) {
    reported_.erase(path);
  } else if (reported_.insert(path).second) {
    host_.log(PAXECT_LOG_WARN,
              is_file ? Status::system("cannot write " + path, error).message()
                      : "cannot write " + path +
                            ": it is no regular file, and stays: remove it, or set another path");
  }
}

}  // namespace paxect::carrier
