#include "streams.h"

#include <algorithm>
#include <array>
#include <memory>

#include "quorum.h"

namespace paxect::carrier {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int32_t kMinMessage = 1024 * 1024;
constexpr int kStreamNotFound = 10059;
constexpr int kNoStorage = 10047;
constexpr int kNoCluster = 10074;
constexpr int kNoPeers = 10005;
constexpr int kNoAccount = 10039;   // JetStream not enabled for account
constexpr int kNotEnabled = 10076;  // JetStream not enabled
constexpr int kClusterReplicas = 3;
constexpr int kNoMessage = 10037;
constexpr int kConsumerNotFound = 10014;

struct Spec {
  const char* what;
  const char* wildcard;
  bool refuses_new;  // a second message of a subject; else the first one goes
  std::int64_t max_age;
  std::int64_t max_messages;
  jsStorageType storage = js_FileStorage;
};

constexpr std::array<Spec, 8> kSpecs = {{{"data", "*.*", true, 0, -1},
                                         {"job", "*", true, 0, -1},
                                         {"claim", "*", true, 0, -1},
                                         {"receipt", "*", true, 0, -1},
                                         {"report", "*", false, 7 * kDay, -1},
                                         {"list", "*", true, 35 * kDay, -1},
                                         {"poison", "*", false, 35 * kDay, 1000},
                                         {"epoch", "*", true, 0, -1, js_MemoryStorage}}};

std::int64_t max_bytes(const Settings& settings, const Spec& spec) {
  return std::string_view(spec.what) == "data" ? settings.max_stream_mb * 1024 * 1024 : std::int64_t{-1};
}

Status failure(const std::string& what, natsStatus status, jsErrCode code) {
  natsStatus detailed = NATS_OK;
  const char* detail = nats_GetLastError(&detailed);
  std::string text = what + ": " + natsStatus_GetText(status);
  if (detail != nullptr && *detail != '\0' && detailed == status) text = what + ": " + detail;
  if (code == kNoStorage)
    text +=
        ": the max_stream_mb of all subjects together must be below max_file of the server: raise it, or "
        "lower "
        "max_stream_mb";
  if (code == kNoPeers)
    text += ": it is stored on three servers of a cluster, or as many as `replicas` says; they must be up";
  if (code == kNoAccount || code == kNotEnabled || status == NATS_NO_RESPONDERS)
    text +=
        ": either JetStream is not enabled for the account of this login: add jetstream { } to the "
        "configuration of the server and restart it; where it has accounts, add jetstream: enabled to that "
        "of "
        "this login; or this is a leaf node that does not reach its hub: look at its leaf connection";
  if (code != 0) text += " (" + std::to_string(static_cast<int>(code)) + ")";
  if (code == JSClusterNotAvailErr) return Status::unavailable(text);
  return status == NATS_TIMEOUT ? Status::silence(text) : Status::failure(text);
}

using Info = std::unique_ptr<jsStreamInfo, void (*)(jsStreamInfo*)>;
using ConsumerHandle = std::unique_ptr<jsConsumerInfo, void (*)(jsConsumerInfo*)>;

// What a stream must be so that the first message of a subject stays.
Status compare(const std::string& name, const std::string& subject, const Spec& spec,
               const jsStreamConfig& config) {
  const auto fault = [&](const std::string& what) {
    return Status::failure("the stream " + name + " exists and " + what +
                           ": remove it, or use another subject");
  };
  if (config.SubjectsLen != 1 || config.Subjects[0] != subject)
    return fault("has other subjects than " + subject);
  if (config.Retention != js_LimitsPolicy) return fault("is not one with limits retention");
  if (config.Storage != spec.storage)
    return fault(spec.storage == js_FileStorage ? "is in memory" : "is not in memory");
  if (!config.AllowDirect) return fault("does not allow direct gets");
  if (config.NoAck || config.Sealed) return fault("takes no messages, or acknowledges none");
  if (config.MaxAge != spec.max_age)
    return fault("removes messages after " + std::to_string(config.MaxAge / kSecond) + " s instead of " +
                 (spec.max_age == 0 ? "never" : std::to_string(spec.max_age / kSecond) + " s"));
  if (config.MaxMsgs > 0 && config.MaxMsgs != spec.max_messages) return fault("has a limit of messages");
  if (config.MaxMsgSize > 0 && config.MaxMsgSize < kMinMessage)
    return fault("takes no messages of " + std::to_string(kMinMessage) + " bytes");
  if (config.DenyDelete || config.DenyPurge) return fault("does not allow messages to be removed");
  if (config.Mirror != nullptr || config.SourcesLen > 0) return fault("copies other streams");
  if (config.MaxMsgsPerSubject != 1) return fault("keeps more than one message of a subject");
  if (spec.refuses_new && (config.Discard != js_DiscardNew || !config.DiscardNewPerSubject))
    return fault("replaces messages instead of refusing new ones");
  return Status::success();
}

// A stream as this carrier makes it. Points into `name` and `subject`.
void fill_config(const std::string& name, const char** subject, const Settings& settings, const Spec& spec,
                 jsStreamConfig* out) {
  jsStreamConfig_Init(out);
  out->Name = name.c_str();
  out->Subjects = subject;
  out->SubjectsLen = 1;
  out->Retention = js_LimitsPolicy;
  out->Storage = spec.storage;
  out->Replicas = settings.replicas == 0 ? kClusterReplicas : settings.replicas;
  out->MaxMsgsPerSubject = 1;
  out->Discard = spec.refuses_new ? js_DiscardNew : js_DiscardOld;
  out->DiscardNewPerSubject = spec.refuses_new;
  out->AllowDirect = true;
  out->MaxAge = spec.max_age;
  out->MaxMsgs = spec.max_messages;
  out->MaxBytes = max_bytes(settings, spec);
}

Status ensure_stream(jsCtx* jetstream, const Names& names, const Settings& settings, const Spec& spec) {
  const std::string name = names.stream(spec.what);
  const std::string subject = names.subject(spec.what, spec.wildcard);
  const char* subjects[] = {subject.c_str()};
  jsStreamConfig config;
  fill_config(name, subjects, settings, spec, &config);
  jsStreamInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  natsStatus status = js_GetStreamInfo(&found, jetstream, name.c_str(), nullptr, &code);
  if (status != NATS_OK && (code == kStreamNotFound || status == NATS_NOT_FOUND))
    status = js_AddStream(&found, jetstream, &config, nullptr, &code);
  if (status != NATS_OK && code == kNoCluster && settings.replicas == 0) {
    config.Replicas = 1;
    status = js_AddStream(&found, jetstream, &config, nullptr, &code);
  }
  const Info info(found, jsStreamInfo_Destroy);
  if (status != NATS_OK || found == nullptr || found->Config == nullptr)
    return failure("cannot create the stream " + name, status, code);
  if (Status compared = compare(name, subject, spec, *found->Config); !compared.ok()) return compared;
  // Several senders share the stream of data: the largest of their sizes holds, and the rest of it is as who
  // made it wants it.
  const bool is_smaller = found->Config->MaxBytes >= 0 && found->Config->MaxBytes < config.MaxBytes;
  if (settings.mode != Mode::kSend || !is_smaller) return Status::success();
  found->Config->MaxBytes = config.MaxBytes;
  status = js_UpdateStream(nullptr, jetstream, found->Config, nullptr, &code);
  return status == NATS_OK ? Status::success()
                           : failure("cannot change the size of the stream " + name, status, code);
}

}  // namespace

Status ensure_streams(jsCtx* jetstream, const Names& names, const Settings& settings) {
  if (jetstream == nullptr) return Status::failure("no connection");
  for (const Spec& spec : kSpecs)
    if (Status status = ensure_stream(jetstream, names, settings, spec); !status.ok()) return status;
  return Status::success();
}

std::vector<StreamReport> read_streams(jsCtx* jetstream, const Names& names, ReadStreams which) {
  std::vector<StreamReport> streams;
  streams.reserve(kSpecs.size());
  for (const Spec& spec : kSpecs) {
    StreamReport& report = streams.emplace_back();
    report.what = spec.what;
    if (jetstream == nullptr) report.status = Status::failure("no connection");
    if (jetstream == nullptr) continue;
    const std::string name = names.stream(spec.what);
    jsStreamInfo* found = nullptr;
    jsErrCode code = static_cast<jsErrCode>(0);
    const natsStatus status = js_GetStreamInfo(&found, jetstream, name.c_str(), nullptr, &code);
    if (found != nullptr) report.info = std::shared_ptr<const jsStreamInfo>(found, jsStreamInfo_Destroy);
    report.is_missing = status != NATS_OK && (code == kStreamNotFound || status == NATS_NOT_FOUND);
    if (status != NATS_OK && !report.is_missing)
      report.status = failure("cannot read the stream " + name, status, code);
    if (which == ReadStreams::kUntilFailure && !report.status.ok()) break;  // each takes up to 5 s
  }
  return streams;
}

Status compare_streams(const std::vector<StreamReport>& streams, const Names& names, const Settings& settings,
                       std::vector<std::string>* differences) {
  std::string few;  // streams with fewer replicas than new ones get, and their number
  std::string cluster;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const Spec& spec = kSpecs[i];
    const StreamReport& report = streams[i];
    const std::string name = names.stream(spec.what);
    if (report.is_missing) {
      differences->push_back("the stream " + name + " does not exist yet: the carrier makes it");
      continue;
    }
    if (!report.status.ok()) return report.status;
    const jsStreamInfo* found = report.info.get();
    const jsStreamConfig& config = *found->Config;
    if (Status compared = compare(name, names.subject(spec.what, spec.wildcard), spec, config);
        !compared.ok())
      return compared;
    if (settings.replicas == 0 && found->Cluster != nullptr && found->Cluster->Name != nullptr &&
        config.Replicas < kClusterReplicas) {
      few += (few.empty() ? "" : ", ") + name + " (" + std::to_string(config.Replicas) + ")";
      cluster = found->Cluster->Name;
    }
    if (settings.replicas != 0 && config.Replicas != settings.replicas)
      differences->push_back("the stream " + name + " has " + std::to_string(config.Replicas) +
                             " replicas, and the setting is " + std::to_string(settings.replicas) +
                             ": change the setting, or run: nats stream edit " + name + " --replicas " +
                             std::to_string(settings.replicas));
    if (std::string_view(spec.what) == "claim" && config.Replicas == 1 && found->Cluster != nullptr &&
        found->Cluster->Name != nullptr && settings.replicas == 1)
      differences->push_back(
          "the stream " + name + " is on one server of the cluster " + found->Cluster->Name +
          ": if that server loses it, containers may be delivered twice; set replicas to 3");
    const std::int64_t bytes = max_bytes(settings, spec);
    if (bytes < 0 && config.MaxBytes > 0)
      differences->push_back("the stream " + name + " has a limit of " + std::to_string(config.MaxBytes) +
                             " bytes: when it is reached, nothing is delivered; run: nats stream edit " +
                             name + " --max-bytes=-1");
    if (config.MaxConsumers > 0)
      differences->push_back("the stream " + name + " allows " + std::to_string(config.MaxConsumers) +
                             " consumers: the stream of lists has one for each receiver, that of jobs one; "
                             "remove the stream while nothing is under way");
    if (settings.mode == Mode::kSend && bytes >= 0 && config.MaxBytes != bytes)
      differences->push_back("the stream " + name + " has room for " + std::to_string(config.MaxBytes) +
                             " bytes, and max_stream_mb is " + std::to_string(settings.max_stream_mb) +
                             ": the carrier raises it and never lowers it");
  }
  if (!few.empty())
    differences->push_back("streams of the cluster " + cluster + " have fewer than " +
                           std::to_string(kClusterReplicas) + " replicas: " + few +
                           ": if a server loses one, containers may be delivered twice; run for each: nats "
                           "stream edit NAME --replicas " +
                           std::to_string(kClusterReplicas));
  return Status::success();
}

namespace {

ConsumerMembers members_of(const jsConsumerConfig& config) {
  ConsumerMembers members = own_members();
  const auto add = [&](const char* member, const std::string& value, bool is_set) {
    if (is_set)
      members[member] = value;
    else
      members.erase(member);
  };
  const auto add_number = [&](const char* member, std::int64_t value) {
    add(member, std::to_string(value), value != 0);
  };
  add_number("max_ack_pending", config.MaxAckPending);
  add_number("max_deliver", config.MaxDeliver);
  add_number("max_batch", config.MaxRequestBatch);
  add_number("max_expires", config.MaxRequestExpires);
  add_number("max_bytes", config.MaxRequestMaxBytes);
  add_number("inactive_threshold", config.InactiveThreshold);
  add_number("rate_limit_bps", static_cast<std::int64_t>(config.RateLimit));
  add("headers_only", "true", config.HeadersOnly);
  return members;
}

Status ensure_consumer_once(jsCtx* jetstream, const Names& names, const std::string& what,
                            const std::string& name, const Settings& settings, EnsuredConsumer* out) {
  out->is_made = false;
  const std::string stream = names.stream(what);
  const std::int64_t ack_wait = settings.ack_wait_ms * 1'000'000;
  jsConsumerInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  natsStatus status = js_GetConsumerInfo(&found, jetstream, stream.c_str(), name.c_str(), nullptr, &code);
  const ConsumerHandle info(found, jsConsumerInfo_Destroy);
  if (status == NATS_OK) out->created_ns = found->Created;
  if (status == NATS_OK) out->members = members_of(*found->Config);
  if (status == NATS_OK && found->Config->AckWait >= ack_wait) return Status::success();
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = name.c_str();
  config.DeliverPolicy = js_DeliverAll;
  config.AckPolicy = js_AckExplicit;
  config.AckWait = ack_wait;
  config.MaxDeliver = -1;
  config.MaxAckPending = 10'000;
  jsConsumerInfo* made = nullptr;
  status = status == NATS_OK ? js_UpdateConsumer(&made, jetstream, stream.c_str(), &config, nullptr, &code)
                             : js_AddConsumer(&made, jetstream, stream.c_str(), &config, nullptr, &code);
  const ConsumerHandle now(made, jsConsumerInfo_Destroy);
  if (status == NATS_OK && made != nullptr) {
    out->created_ns = made->Created;
    out->members = members_of(*made->Config);
  }
  out->is_made = status == NATS_OK;
  return status == NATS_OK ? Status::success()
                           : failure("cannot create the consumer " + name + " of " + stream, status, code);
}

}  // namespace

// Where several receivers make the consumer at the same time, that of the last one holds, also if its AckWait
// is the shorter one: one that was made is looked at again.
Status ensure_consumer(jsCtx* jetstream, const Names& names, const std::string& what, const std::string& name,
                       const Settings& settings, EnsuredConsumer* out) {
  if (jetstream == nullptr) return Status::failure("no connection");
  Status status = ensure_consumer_once(jetstream, names, what, name, settings, out);
  if (!status.ok() || !out->is_made) return status;
  EnsuredConsumer again;
  status = ensure_consumer_once(jetstream, names, what, name, settings, &again);
  if (status.ok() && (again.is_made || again.created_ns != out->created_ns)) *out = again;
  return status;
}

Status read_account(jsCtx* jetstream, AccountRoom* out) {
  if (jetstream == nullptr) return Status::failure("no connection");
  jsAccountInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus status = js_GetAccountInfo(&found, jetstream, nullptr, &code);
  const std::unique_ptr<jsAccountInfo, void (*)(jsAccountInfo*)> info(found, jsAccountInfo_Destroy);
  if (status != NATS_OK) return failure("cannot read the limits of the account", status, code);
  const auto number = [](std::int64_t value) {
    return value > 0 ? static_cast<std::uint64_t>(value) : std::uint64_t{0};
  };
  *out = {.stored = found->Store,
          .max_stored = number(found->Limits.MaxStore),
          .memory = found->Memory,
          .max_memory = number(found->Limits.MaxMemory),
          .streams = number(found->Streams),
          .max_streams = number(found->Limits.MaxStreams)};
  const auto is_tighter = [](std::uint64_t used, std::uint64_t max, std::uint64_t other,
                             std::uint64_t other_max) {
    return max != 0 && (other_max == 0 || max - std::min(max, used) < other_max - std::min(other_max, other));
  };
  for (int i = 0; i < found->TiersLen; ++i) {
    const jsTier& tier = *found->Tiers[i];
    if (is_tighter(tier.Store, number(tier.Limits.MaxStore), out->stored, out->max_stored)) {
      out->stored = tier.Store;
      out->max_stored = number(tier.Limits.MaxStore);
    }
    if (is_tighter(tier.Memory, number(tier.Limits.MaxMemory), out->memory, out->max_memory)) {
      out->memory = tier.Memory;
      out->max_memory = number(tier.Limits.MaxMemory);
    }
  }
  return Status::success();
}

Status ask_leader(jsCtx* jetstream, const Names& names, const std::string& server) {
  if (jetstream == nullptr) return Status::failure("no connection");
  const std::string stream = names.stream("job");
  natsMsg* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus status =
      js_GetLastMsg(&found, jetstream, stream.c_str(), names.subject("job", "none").c_str(), nullptr, &code);
  natsMsg_Destroy(found);
  const bool is_answer = status == NATS_OK || code == kNoMessage || code == kStreamNotFound;
  if (is_answer) return Status::success();
  return failure(without_leader(server, stream), status, code);
}

Status remove_epoch(jsCtx* jetstream, const Names& names) {
  if (jetstream == nullptr) return Status::failure("no connection");
  jsErrCode code = static_cast<jsErrCode>(0);
  const std::string stream = names.stream("epoch");
  const natsStatus status = js_DeleteStream(jetstream, stream.c_str(), nullptr, &code);
  return status == NATS_OK ? Status::success() : failure("cannot remove the stream " + stream, status, code);
}

StreamRoom room_of(const jsStreamInfo& info) {
  const std::int64_t max = info.Config->MaxBytes;
  return {.bytes = info.State.Bytes,
          .max_bytes = max < 0 ? 0 : static_cast<std::uint64_t>(max),
          .messages = info.State.Msgs};
}

Status read_room(jsCtx* jetstream, const std::string& stream, StreamRoom* out) {
  if (jetstream == nullptr) return Status::failure("no connection");
  jsStreamInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus status = js_GetStreamInfo(&found, jetstream, stream.c_str(), nullptr, &code);
  const Info info(found, jsStreamInfo_Destroy);
  if (status != NATS_OK) return failure("cannot read the stream " + stream, status, code);
  *out = room_of(*found);
  return Status::success();
}

Status read_queue(jsCtx* jetstream, const Names& names, bool* exists, QueueState* out) {
  if (jetstream == nullptr) return Status::failure("no connection");
  *exists = false;
  jsConsumerInfo* found = nullptr;
  jsErrCode code = static_cast<jsErrCode>(0);
  const natsStatus status =
      js_GetConsumerInfo(&found, jetstream, names.stream("job").c_str(), kReceivers, nullptr, &code);
  const ConsumerHandle info(found, jsConsumerInfo_Destroy);
  if (code == kConsumerNotFound || status == NATS_NOT_FOUND) return Status::success();
  if (status != NATS_OK) return failure("cannot read the consumer of the jobs", status, code);
  *exists = true;
  *out = {.last_given = found->Delivered.Stream,
          .in_hand = static_cast<std::uint64_t>(found->NumAckPending),
          .left = found->NumPending,
          .fetches = static_cast<std::uint64_t>(found->NumWaiting)};
  return Status::success();
}

}  // namespace paxect::carrier
