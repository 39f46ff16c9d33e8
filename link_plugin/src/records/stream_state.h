// What may still come of a stream of a sender, by its records and by the keys that are pinned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proof/node_key.h"
#include "records/received_streams.h"

namespace paxect::link {

enum class StreamState {
  kLive,       // more lists are to be expected
  kForked,     // it has two texts for one number: nothing more of it is delivered
  kContinued,  // another stream of the sender continues it
  kRetired,    // its key is retired, and the last list that counts is here
  kRevoked     // its key is not pinned any more, or was revoked
};
// "live", "forked", "continued", "retired", "revoked".
std::string_view name_of(StreamState state);
StreamState state_of(const ReceivedStreams& received, const ReceivedStream& stream,
                     const std::vector<NodeKey>& keys);

// The keys, with what the streams say of those that are retired: where a stream that counts continues another
// one, that one counts up to the number that it says, unless the operator has given a number. Only for the
// key that signed the other one, and only where a list of it was verified: a stream that is not known yet may
// be that of any key, and whoever has stolen a retired one could sign it. The same where two keys have signed
// streams of one name.
std::vector<NodeKey> with_continued(const ReceivedStreams& received, std::vector<NodeKey> keys);
// The last list of the stream by the streams that count and continue it; 0 when there is none.
std::uint64_t continued_after(const ReceivedStreams& received, const ReceivedStream& stream);
// The first entry of the lists after this one, as far as the runs of the stream show it; UINT64_MAX when
// there is none.
std::uint64_t first_entry_after(const ReceivedStream& stream, std::uint64_t list);
// Of the entries that do not count because the key was retired, nobody waits for those from this one on.
std::uint64_t first_not_awaited(const ReceivedStreams& received, const ReceivedStream& stream);
// What a receiver waits for, and somebody has to do something about: what is missing or refused, and lists at
// the end of the stream. Likewise those that do not count because the key was retired, where the sender says
// by another stream that they are its own. `late_after` in seconds.
struct Awaited {
  EntryRanges entries = {};
  std::uint64_t lists = 0;
  std::uint64_t last_list = 0;  // the last one of these
};
Awaited awaited_of(const ReceivedStreams& received, const ReceivedStream& stream, std::int64_t now,
                   std::int64_t late_after);
// A stream of which no list ever came, and that a stream which counts continues.
struct UnseenStream {
  std::string node;
  std::string stream;
  std::uint64_t last_list = 0;  // as far as other streams say
  std::uint64_t lists = 0;      // of these, those that the operator waits for
};
std::vector<UnseenStream> unseen_streams(const ReceivedStreams& received);
// The last list at the end of the stream that the operator does not wait for any more; 0 when there is none.
// It counts while a stream that counts says that there are so many: the holder of a stolen key may have said
// it first, and what is missing by another one was never given up.
std::uint64_t lists_written_off(const ReceivedStreams& received, const ReceivedStream& stream);
// Whether the operator does not wait for this list any more, which was not taken: it is at the end of the
// stream, or all that can be in it was written off.
bool is_written_off(const ReceivedStreams& received, const ReceivedStream& stream, std::uint64_t list);
// The last list of the stream that counts by these keys. A key that is revoked, away or unreadable raises it
// in no case.
std::uint64_t counts_through(const ReceivedStream& stream, const std::vector<NodeKey>& keys);

// Since when the next list of a stream is overdue, in seconds of UTC by the clock of this machine; nothing
// while it is not. `late_after` in seconds.
std::optional<std::int64_t> silent_since(const ReceivedStream& stream, std::int64_t now,
                                         std::uint64_t late_after);

}  // namespace paxect::link
