// Reads any bytes as each of the messages that carriers exchange, as the replies of a server, and as the
// subjects and headers that come with them. What is accepted is written again as a message that reads as the
// same; and a job that is written from any fields is read as it was, or refused for one of them.
#include <cstring>
#include <set>
#include <vector>

#include "consumer_config.h"
#include "digest.h"
#include "fuzz.h"
#include "incoming.h"
#include "json_object.h"
#include "messages.h"
#include "names.h"

namespace paxect::fuzz {
namespace {

// `read` gets what the text says, `write` makes a text of it.
template <typename Message, typename Read, typename Write>
void check_message(std::string_view text, Read read, Write write) {
  Message message;
  if (!read(text, &message)) return;
  const std::string once = write(message);
  Message again;
  FUZZ_REQUIRE(read(once, &again));
  FUZZ_REQUIRE(write(again) == once);
}

void check_job(std::string_view text) {
  carrier::Job job;
  if (!carrier::parse_job(text, &job)) return;
  FUZZ_REQUIRE(carrier::is_valid_path(job.name) && job.name.find('\0') == std::string::npos);
  FUZZ_REQUIRE(job.id == carrier::id_of(job) && job.sidecar.size() <= carrier::kMaxSidecar);
  std::string id;
  FUZZ_REQUIRE(carrier::is_temporary(carrier::base_of(carrier::temporary_of(job.name, job.id)), &id) &&
               id == job.id);
  // What no sender sends can have a suffix that leaves no room for the digits: its name cannot be had then.
  FUZZ_REQUIRE(carrier::is_valid_path(carrier::conflict_of(job.name, job.id.substr(0, 8))) ||
               carrier::folder_of(job.name).size() > 3000 ||
               carrier::kind_of(job.name) == carrier::FileKind::kOther);
  std::uint64_t bytes = 0;
  const std::uint64_t chunks = std::min<std::uint64_t>(job.chunks(), 1000);
  for (std::uint64_t i = 0; i < chunks; ++i) bytes += carrier::chunk_size(job, i);
  FUZZ_REQUIRE(bytes == std::min<std::uint64_t>(job.size, 1000 * carrier::kChunkSize));
}

// Name, size, time, sidecar, and the contents of a list, a line each.
void check_written(std::string_view text) {
  std::vector<std::string> fields(5);
  for (std::string& field : fields) {
    const std::size_t end = text.find('\n');
    field = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  carrier::Job job;
  job.name = fields[0];
  job.size = std::strtoull(fields[1].c_str(), nullptr, 10);
  job.mtime_ns = std::strtoll(fields[2].c_str(), nullptr, 10);
  job.sidecar = fields[3];
  job.digest = carrier::digest_of(fields[4]);
  job.sender = "0123456789abcdef";
  job.id = carrier::id_of(job);
  carrier::Job read;
  const std::string written = carrier::job_text(job);
  if (carrier::parse_job(written, &read)) {
    FUZZ_REQUIRE(read.name == job.name && read.size == job.size && read.mtime_ns == job.mtime_ns);
    FUZZ_REQUIRE(read.sidecar == job.sidecar && read.id == job.id);
  } else {
    FUZZ_REQUIRE(!carrier::is_valid_path(job.name) || job.size > std::uint64_t{1} << 60U ||
                 job.sidecar.size() > carrier::kMaxSidecar);
  }
  check_job(written);
  job.size = fields[4].size();
  job.id = carrier::id_of(job);
  std::string contents;
  const bool is_list = carrier::parse_list(carrier::list_text(job, fields[4]), &read, &contents);
  FUZZ_REQUIRE(!is_list || contents == fields[4]);
  FUZZ_REQUIRE(is_list || !carrier::is_valid_path(job.name) || job.sidecar.size() > carrier::kMaxSidecar);
  FUZZ_REQUIRE(!carrier::parse_list(carrier::list_text(job, fields[4] + "x"), &read, &contents));
}

void check_replies(std::string_view text) {
  std::uint64_t sequence = 0;
  std::string reason;
  const carrier::Stored stored = carrier::parse_publication(text, &sequence, &reason);
  FUZZ_REQUIRE(stored == carrier::Stored::kYes ? sequence > 0 : !reason.empty());
  carrier::parse_lookup(text, &sequence);
  std::set<std::string> ids;
  carrier::for_each_chunk(text, [&](const std::string& id, std::uint64_t) { ids.insert(id); });
  for (const std::string& id : ids) FUZZ_REQUIRE(carrier::is_hex(id, 32));
  carrier::AckSubject position;
  carrier::parse_ack_subject(text, &position);
  carrier::ConsumerInfo consumer;
  carrier::is_consumer_missing(text);
  const bool is_consumer = carrier::parse_consumer_info(text, &consumer);
  const std::string request = carrier::restoring_request(text, "stream", 1);
  FUZZ_REQUIRE(!is_consumer || !request.empty());
  FUZZ_REQUIRE(request.empty() || carrier::JsonReader(request).valid());
  const std::string digest = carrier::digest_in_sidecar(std::string(text));
  FUZZ_REQUIRE(digest.empty() || carrier::is_hex(digest, 64));
  FUZZ_REQUIRE(text.ends_with(carrier::id_of_subject(text)));
  FUZZ_REQUIRE(text.starts_with(carrier::kind_of_subject(text)));
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace carrier = paxect::carrier;
  using paxect::fuzz::check_message;
  const std::string_view text = paxect::fuzz::view(data, size);
  check_message<carrier::Job>(text, carrier::parse_job, carrier::job_text);
  check_message<carrier::Claim>(text, carrier::parse_claim, carrier::claim_text);
  check_message<carrier::Receipt>(text, carrier::parse_receipt, carrier::receipt_text);
  check_message<carrier::Report>(text, carrier::parse_report, carrier::report_text);
  check_message<carrier::Question>(text, carrier::parse_question, carrier::question_text);
  check_message<carrier::Answer>(text, carrier::parse_answer, carrier::answer_text);
  check_message<carrier::Peer>(text, carrier::parse_peer, carrier::peer_text);
  paxect::fuzz::check_job(text);
  paxect::fuzz::check_written(text);
  paxect::fuzz::check_replies(text);
  return 0;
}
