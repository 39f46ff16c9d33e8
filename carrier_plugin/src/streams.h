// The streams of a subject on the servers, and the consumers of receivers.
#pragma once

#include <cstdint>
#include <string>

#include "connection.h"
#include "names.h"
#include "settings.h"

namespace paxect::carrier {

// Makes the streams that are missing, and compares those that exist: one with another retention, discard
// policy or subject is a failure, because containers could be lost in it. Blocks up to 5 s for each.
Status ensure_streams(jsCtx* jetstream, const Names& names, const Settings& settings);
// Makes the consumer, or changes its AckWait. Requires: ensure_streams().
Status ensure_consumer(jsCtx* jetstream, const Names& names, const std::string& what, const std::string& name,
                       const Settings& settings);

struct StreamRoom {
  std::uint64_t bytes = 0;
  std::uint64_t max_bytes = 0;
  std::uint64_t messages = 0;
};
Status read_room(jsCtx* jetstream, const std::string& stream, StreamRoom* out);

// Whether the consumer of the jobs has nothing left to hand out.
Status is_consumer_idle(jsCtx* jetstream, const Names& names, bool* idle);

// Removes the stream of the epoch, for ensure_streams() to make another one.
Status remove_epoch(jsCtx* jetstream, const Names& names);

}  // namespace paxect::carrier
