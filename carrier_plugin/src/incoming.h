// What a receiver has in hand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connection.h"
#include "digest.h"
#include "messages.h"
#include "unique_fd.h"

namespace paxect::carrier {

// The tokens of the subject by which a message of a stream is acknowledged.
struct AckSubject {
  std::uint64_t deliveries = 0;
  std::uint64_t sequence = 0;  // of the message in its stream
  std::uint64_t given = 0;     // by its consumer: each time has the next number
  std::int64_t stored_ns = 0;  // when the server has stored it, by its clock
};
// False when it is none.
bool parse_ack_subject(std::string_view subject, AckSubject* out);

enum class Verdict {
  kDeliver,
  kLater,    // it is given back
  kFinished  // it is delivered, or nobody wants it any more
};

// Contents of more bytes are fetched alone, and in several goes if need be.
inline constexpr std::uint64_t kLarge = 8 * 1024 * 1024;

// A job whose contents are being fetched.
struct Incoming {
  Job job;
  std::string ack;
  AckSubject position;
  std::uint64_t seen_ns = 0;  // when the job was in the stream, by a clock that counts sleep
  Verdict verdict = Verdict::kDeliver;

  UniqueFd file;
  std::uint64_t inode = 0;
  std::unique_ptr<Digest> digest;
  std::uint64_t digested = 0;            // chunks
  std::set<std::uint64_t> early;         // chunks that came before their turn and are in the file
  std::vector<std::uint64_t> sequences;  // of the chunks in their stream, where there are few
  std::vector<std::pair<std::uint64_t, unsigned>> missing;  // chunks and the next attempt
  std::string damage;                                       // why the contents cannot be those of the job
  bool is_whole = false;                                    // and of the right digest
  bool keeps_chunks = false;  // the store has the others: only what is missing is to be sent again
  bool is_late = false;       // not all chunks came in time
  std::uint64_t kept_ns = 0;  // when the download was interrupted

  std::uint64_t fetched_bytes() const { return std::min(job.size, (digested + early.size()) * kChunkSize); }
};

// A request for messages of a consumer.
struct Fetch {
  std::uint64_t number = 0;  // of the request; 0: none
  std::size_t open = 0;      // messages that may still come
  std::uint64_t until_ns = 0;
  // Since when the consumer has given neither messages nor the answer that it has none; 0: it has.
  std::uint64_t refused_since_ns = 0;
  unsigned refusals = 0;            // fetches since then
  bool is_removal_advised = false;  // of its consumer, by the report of these

  void end() { number = open = 0; }
};

// A job whose contents are durable under their hidden name, and recorded.
struct Intent {
  Job job;
  std::string ack;  // empty: not known, after a restart
  std::uint64_t seen_ns = 0;
  bool claimed = false;
  std::uint64_t inode = 0;      // of the hidden file
  std::string at{};             // its name in the folder, once that is recorded
  bool may_be_renamed = false;  // to that name, by an earlier process or a call that failed
  bool is_renamed = false;
  bool waits = false;         // for an answer of its sender, or for its job
  std::string run{};          // of the process that recorded it
  bool is_recovered = false;  // from the records of an earlier process
  std::vector<std::uint64_t> chunk_sequences;
  std::string epoch;                  // of the store in which nobody else can have delivered it; "" for none
  bool recorded = true;               // durably
  std::uint64_t seen_generation = 0;  // of the connection in which its sequences are those of the streams
};

struct Delivered {
  std::string name;
  std::string digest;
  std::uint64_t size = 0;
  std::string at;  // the name in the folder
  std::int64_t time_ns = 0;
};

}  // namespace paxect::carrier
