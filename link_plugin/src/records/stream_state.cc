#include "records/stream_state.h"

#include <algorithm>
#include <map>
#include <utility>

namespace paxect::link {
namespace {

// The one that signed the stream; NULL when it is not pinned any more.
const NodeKey* key_of(const ReceivedStream& stream, const std::vector<NodeKey>& keys) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const NodeKey& key) {
    return key.node == stream.address.node && whole_key_text(key.key) == stream.address.key;
  });
  return found == keys.end() ? nullptr : &*found;
}

// The only one of the node that a stream of this name is known by; NULL where none is, or several are.
const std::string* signer_of(const ReceivedStreams& received, const std::string& node,
                             const std::string& stream) {
  const std::string* key = nullptr;
  for (const ReceivedStream& each : received.streams()) {
    if (each.address.node != node || each.address.stream != stream) continue;
    if (key != nullptr) return nullptr;
    key = &each.address.key;
  }
  return key;
}

}  // namespace

std::string_view name_of(StreamState state) {
  switch (state) {
    case StreamState::kForked:
      return "forked";
    case StreamState::kContinued:
      return "continued";
    case StreamState::kRetired:
      return "retired";
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
  const NodeKey* key = key_of(stream, keys);
  if (key == nullptr || key->is_revoked) return StreamState::kRevoked;
  return stream.last_list() < key->last_of(address.stream) ? StreamState::kLive : StreamState::kRetired;
}

std::uint64_t continued_after(const ReceivedStreams& received, const ReceivedStream& stream) {
  std::uint64_t last = 0;
  for (const ReceivedStream& other : received.streams()) {
    const bool continues = other.continues && other.continues->stream == stream.address.stream &&
                           other.address.node == stream.address.node;
    if (continues && other.counts_through > 0 && !other.is_forked)
      last = std::max(last, other.continues->number);
  }
  return last;
}

// Where a run has lists on both sides of that one, its entries say to which of them they belong.
std::uint64_t first_entry_after(const ReceivedStream& stream, std::uint64_t list) {
  std::uint64_t last_list = 0;
  std::uint64_t next = 1;
  for (const ListRun& run : stream.runs) {
    if (last_list >= list) return next;
    if (run.first_list > list) return run.first_entry;
    last_list = run.last_list;
    next = run.next_entry;
  }
  return last_list >= list ? next : UINT64_MAX;
}

std::uint64_t first_not_awaited(const ReceivedStreams& received, const ReceivedStream& stream) {
  const std::uint64_t continued = continued_after(received, stream);
  if (continued <= stream.counts_through) return 0;
  const auto later = std::find_if(stream.entries.begin(), stream.entries.end(),
                                  [&](const auto& entry) { return entry.second.list > continued; });
  const std::uint64_t first = first_entry_after(stream, continued);
  return later == stream.entries.end() ? first : std::min(first, later->first);
}

Awaited awaited_of(const ReceivedStreams& received, const ReceivedStream& stream, std::int64_t now,
                   std::int64_t late_after) {
  Awaited found{.lists = received.lists_missing(stream)};
  if (found.lists > 0) found.last_list = continued_after(received, stream);
  const std::uint64_t end = first_not_awaited(received, stream);
  for (const OutcomeRange& range : stream.outcomes(now, late_after)) {
    if (range.outcome != Outcome::kMissing && range.outcome != Outcome::kRefused) continue;
    std::uint64_t last = range.last;
    if (range.reason == kKeyRetired) {
      if (end <= range.first) continue;
      last = std::min(last, end - 1);
    } else if (is_not_ours(range.reason)) {
      continue;
    }
    add_range(&found.entries, range.first, last);
  }
  return found;
}

std::vector<UnseenStream> unseen_streams(const ReceivedStreams& received) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> last;
  for (const ReceivedStream& by : received.streams())
    if (by.continues && by.counts_through > 0 && !by.is_forked &&
        !received.has_stream(by.address.node, by.continues->stream)) {
      std::uint64_t& number = last[{by.address.node, by.continues->stream}];
      number = std::max(number, by.continues->number);
    }
  std::vector<UnseenStream> all;
  all.reserve(last.size());
  for (const auto& [name, number] : last) {
    const std::uint64_t off = received.lists_off_unseen(name.first, name.second);
    all.push_back({name.first, name.second, number, number > off ? number - off : 0});
  }
  return all;
}

std::uint64_t lists_written_off(const ReceivedStreams& received, const ReceivedStream& stream) {
  const bool is_said = continued_after(received, stream) >= stream.lists_written_off;
  return is_said ? stream.lists_written_off : 0;
}

bool is_written_off(const ReceivedStreams& received, const ReceivedStream& stream, std::uint64_t list) {
  std::uint64_t next = 1;
  for (const ListRun& run : stream.runs) {
    if (list < run.first_list) {
      const std::uint64_t lost = run.first_entry - next;
      return lost > 0 && count_in(stream.written_off, next, run.first_entry - 1) == lost;
    }
    if (list <= run.last_list) return false;
    next = run.next_entry;
  }
  return list <= lists_written_off(received, stream);
}

std::uint64_t counts_through(const ReceivedStream& stream, const std::vector<NodeKey>& keys) {
  // What a revoked key has signed and was verified before stays, as far as it counted then. So it is with a
  // key whose file is away or cannot be read: that ends no retirement.
  const NodeKey* key = key_of(stream, keys);
  if (key == nullptr) return stream.counts_through;
  if (!key->is_revoked) return key->last_of(stream.address.stream);
  if (!key->last) return stream.counts_through;
  const auto last = key->last->find(stream.address.stream);
  return std::min(stream.counts_through, last == key->last->end() ? 0 : last->second);
}

std::vector<NodeKey> with_continued(const ReceivedStreams& received, std::vector<NodeKey> keys) {
  const auto has_retired = [](const NodeKey& key) { return key.last.has_value(); };
  for (bool is_changed = std::any_of(keys.begin(), keys.end(), has_retired); is_changed;) {
    is_changed = false;
    for (const ReceivedStream& stream : received.streams()) {
      const NodeKey* by = stream.continues ? key_of(stream, keys) : nullptr;
      if (by == nullptr || by->last_of(stream.address.stream) == 0) continue;
      const std::string* signer = signer_of(received, by->node, stream.continues->stream);
      if (signer == nullptr) continue;
      for (NodeKey& key : keys)
        if (key.node == by->node && key.last && whole_key_text(key.key) == *signer &&
            key.last->try_emplace(stream.continues->stream, stream.continues->number).second)
          is_changed = true;
    }
  }
  return keys;
}

std::optional<std::int64_t> silent_since(const ReceivedStream& stream, std::int64_t now,
                                         std::uint64_t late_after) {
  const std::int64_t due =
      stream.heard + static_cast<std::int64_t>(stream.within) + static_cast<std::int64_t>(late_after);
  return now > due ? std::optional(due) : std::nullopt;
}

}  // namespace paxect::link
