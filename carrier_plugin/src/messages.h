// The texts of the messages: one JSON object each. A text that is not exactly of its form is not read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace paxect::carrier {

inline constexpr std::size_t kChunkSize = 512 * 1024;
inline constexpr std::size_t kMaxSidecar = 16 * 1024;

// A file on its way.
struct Job {
  std::string id;      // 32 hexadecimal digits, see id_of()
  std::string name;    // the path in the folder; bytes
  std::string digest;  // SHA-256, 64 hexadecimal digits
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::string sidecar;       // the text of the sidecar; empty: none
  std::string sender;        // the token of the sender
  std::string epoch;         // of the store that has acknowledged the chunks
  bool is_repeated = false;  // it was published before, perhaps in another store

  std::uint64_t chunks() const { return (size + kChunkSize - 1) / kChunkSize; }
};

// Of one chunk of it.
std::uint64_t chunk_size(const Job& job, std::uint64_t number);

// The digest in the text of a sidecar: the first 64 hexadecimal digits in a row; "" for none.
std::string digest_in_sidecar(const std::string& text);

// The ID that name, size, digest and time of modification have.
std::string id_of(const Job& job);

std::string job_text(const Job& job);
// Also checks that the ID is that of the contents, and the name one that a receiver may make.
bool parse_job(std::string_view text, Job* out);

// A list message: the text of the job, a line end, and the contents.
std::string list_text(const Job& job, std::string_view contents);
bool parse_list(std::string_view text, Job* out, std::string* contents);

struct Claim {
  std::string id;
  std::string receiver;
  std::string run;  // of the process that recorded the intent; "" from earlier versions
};
std::string claim_text(const Claim& claim);
bool parse_claim(std::string_view text, Claim* out);
bool is_claim_of(const std::string& id, std::string_view text);

struct Receipt {
  std::string id;
  std::string name;
  std::string digest;
  std::uint64_t size = 0;
  std::string receiver;
  std::string at;  // the name in the folder of the receiver
};
// The last token of the subject of a receipt of a list that another receiver has receipted before.
std::string list_receipt_of(const std::string& id, const std::string& receiver);
std::string receipt_text(const Receipt& receipt);
bool parse_receipt(std::string_view text, Receipt* out);
// Whether it is a receipt that the sender of the job accepts: with its ID, name, size and digest.
bool is_receipt_of(const Job& job, std::string_view text);

// Why a receiver did not deliver a job. `again`: it removed the job, so that the sender publishes it again.
struct Report {
  std::string id;
  std::string receiver;
  std::string reason;
  bool again = false;
};
std::string report_text(const Report& report);
bool parse_report(std::string_view text, Report* out);

// What a receiver asks the senders about a job, and what the one that knows it answers: open, held, done,
// wait.
struct Question {
  std::string id;
  std::string sender;
  std::string receiver;
  std::string epoch;  // that the receiver sees
};
struct Answer {
  std::string state;
  std::string holder;  // with held
};
std::string question_text(const Question& question);
bool parse_question(std::string_view text, Question* out);
std::string answer_text(const Answer& answer);
bool parse_answer(std::string_view text, Answer* out);

// What an instance says of itself.
struct Peer {
  std::string id;
  std::string mode;
  std::string host;
  std::string section;
  std::string version;
  std::uint64_t waiting = 0;
  std::uint64_t in_hand = 0;  // jobs that the server gives to nobody else; earlier versions do not say it
  std::string run{};          // in an announcement: the number of the process
  std::uint64_t age_ns = 0;   // and how long it has been running
};
std::string peer_text(const Peer& peer);
bool parse_peer(std::string_view text, Peer* out);

// The reply to a publication.
enum class Stored { kYes, kAlready, kFull, kFailed };
Stored parse_publication(std::string_view text, std::uint64_t* sequence, std::string* reason);

// The reply to STREAM.MSG.GET with `last_by_subj`, which the leader of a stream gives: the message, or that
// there is none. Any other reply says nothing.
enum class Lookup { kFound, kMissing, kUnknown };
// `*contents`, which may be null, gets those of the message.
Lookup parse_lookup(std::string_view text, std::uint64_t* sequence, std::string* contents = nullptr);

// The chunks that the reply to STREAM.INFO with a `subjects_filter` names, as far as they are some.
void for_each_chunk(std::string_view info,
                    const std::function<void(const std::string& id, std::uint64_t number)>& each);

// A message that nobody understands, for those who look into it: its subject, the reason, its first bytes.
std::string poison_text(std::string_view subject, std::uint64_t sequence, std::string_view reason,
                        std::string_view data);

}  // namespace paxect::carrier
