// The streams of a subject on the servers, and the consumers of receivers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connection.h"
#include "consumer_config.h"
#include "names.h"
#include "settings.h"
#include "unclaimed.h"

namespace paxect::carrier {

// Makes the streams that are missing, and compares those that exist: one with another retention, discard
// policy or subject is a failure, because containers could be lost in it. Blocks up to 5 s for each.
Status ensure_streams(jsCtx* jetstream, const Names& names, const Settings& settings);
// What the servers report of one stream of the subject.
struct StreamReport {
  std::string what;  // the last part of its name: "job"
  Status status;     // a failure: it is not known whether there is one
  bool is_missing = false;
  std::shared_ptr<const jsStreamInfo> info;  // null: missing, or a failure
};
// Reads each stream once. Blocks up to 5 s for each.
enum class ReadStreams { kAll, kUntilFailure };
std::vector<StreamReport> read_streams(jsCtx* jetstream, const Names& names, ReadStreams which);
// Compares the streams and changes nothing. `differences` gets what is not as in the settings and no failure:
// a stream that is missing, or has another size or number of replicas.
Status compare_streams(const std::vector<StreamReport>& streams, const Names& names, const Settings& settings,
                       std::vector<std::string>* differences);
// Makes the consumer, or raises its AckWait: the receivers of a subject share that of the jobs, and each of
// them reports what it has in hand at a third of its own. Requires: ensure_streams().
struct EnsuredConsumer {
  std::int64_t created_ns = 0;  // by the clock of the servers
  bool is_made = false;         // by this call
  ConsumerMembers members;      // as the server has replied
};
Status ensure_consumer(jsCtx* jetstream, const Names& names, const std::string& what, const std::string& name,
                       const Settings& settings, EnsuredConsumer* out);

// What the account has stored, and its limits; 0 for none. The tier that has the least room left, where there
// are several.
struct AccountRoom {
  std::uint64_t stored = 0;
  std::uint64_t max_stored = 0;
  std::uint64_t memory = 0;
  std::uint64_t max_memory = 0;
  std::uint64_t streams = 0;
  std::uint64_t max_streams = 0;
};
Status read_account(jsCtx* jetstream, AccountRoom* out);

// Whether the leader of the jobs answers: it has the majority of its replicas. Success also without a stream.
Status ask_leader(jsCtx* jetstream, const Names& names, const std::string& server);

struct StreamRoom {
  std::uint64_t bytes = 0;
  std::uint64_t max_bytes = 0;
  std::uint64_t messages = 0;
};
StreamRoom room_of(const jsStreamInfo& info);
Status read_room(jsCtx* jetstream, const std::string& stream, StreamRoom* out);

// `*exists` is false where no receiver has made the consumer of the jobs yet.
Status read_queue(jsCtx* jetstream, const Names& names, bool* exists, QueueState* out);

// Removes the stream of the epoch, for ensure_streams() to make another one.
Status remove_epoch(jsCtx* jetstream, const Names& names);

}  // namespace paxect::carrier
