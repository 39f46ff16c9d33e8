#include "records/stream_state.h"

#include <algorithm>

namespace paxect::link {

std::string_view name_of(StreamState state) {
  switch (state) {
    case StreamState::kForked:
      return "forked";
    case StreamState::kContinued:
      return "continued";
    case StreamState::kRevoked:
      return "revoked";
    case StreamState::kLive:
      break;
  }
  return "live";
}

StreamState state_of(const ReceivedStreams& received, const ReceivedStream& stream,
                     const std::vector<NodeKey>& keys) {
  const StreamAddress& address = stream.address;
  if (stream.is_forked) return StreamState::kForked;
  const bool is_continued =
      std::any_of(received.streams().begin(), received.streams().end(), [&](const ReceivedStream& other) {
        return other.address.node == address.node && other.continues &&
               other.continues->stream == address.stream;
      });
  if (is_continued) return StreamState::kContinued;
  const bool is_trusted = std::any_of(keys.begin(), keys.end(), [&](const NodeKey& key) {
    return !key.is_revoked && key.node == address.node && whole_key_text(key.key) == address.key;
  });
  return is_trusted ? StreamState::kLive : StreamState::kRevoked;
}

std::optional<std::int64_t> silent_since(const ReceivedStream& stream, std::int64_t now,
                                         std::uint64_t late_after) {
  const std::int64_t due =
      stream.heard + static_cast<std::int64_t>(stream.within) + static_cast<std::int64_t>(late_after);
  return now > due ? std::optional(due) : std::nullopt;
}

}  // namespace paxect::link
