#include "messages.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "digest.h"
#include "json_object.h"
#include "names.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kIdSize = 32;
constexpr std::size_t kTokenSize = 16;
constexpr std::size_t kDigestSize = 64;

bool has_version(const JsonReader& reader) {
  std::uint64_t version = 0;
  return reader.get("v", &version) && version == kVersion;
}

// `DIGEST  NAME` begins with it, `SHA256 (NAME) = DIGEST` ends with it, and a name can have as many digits. A
// backslash before either says that the name is escaped.
std::string digest_in_line(std::string_view line) {
  if (line.starts_with('\\')) line.remove_prefix(1);
  const bool is_tagged = line.starts_with("SHA");
  std::string run;
  std::string found;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    const char raw = i < line.size() ? line[i] : '\n';
    const char c = raw >= 'A' && raw <= 'F' ? static_cast<char>(raw - 'A' + 'a') : raw;
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
      run += c;
      continue;
    }
    if (run.size() == kDigestSize && (found.empty() || is_tagged)) found = run;
    run.clear();
  }
  return found;
}

}  // namespace

std::uint64_t chunk_size(const Job& job, std::uint64_t number) {
  return std::min<std::uint64_t>(kChunkSize, job.size - number * kChunkSize);
}

std::string digest_in_sidecar(const std::string& text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (std::string digest = digest_in_line(std::string_view(text).substr(begin, end - begin));
        !digest.empty())
      return digest;
    begin = end + 1;
  }
  return "";
}

std::string id_of(const Job& job) {
  const std::string text = job.name + '\n' + std::to_string(job.size) + '\n' + job.digest + '\n' +
                           std::to_string(job.mtime_ns) + '\n';
  return digest_of(text).substr(0, kIdSize);
}

std::string job_text(const Job& job) {
  JsonObject object;
  object.add("v", kVersion)
      .add("id", job.id)
      .add("name", job.name)
      .add("digest", job.digest)
      .add("size", job.size);
  object.add("mtime_ns", job.mtime_ns).add("sidecar", job.sidecar).add("sender", job.sender);
  object.add("epoch", job.epoch);
  if (job.is_repeated) object.add("repeated", true);
  return object.text();
}

bool parse_job(std::string_view text, Job* out) {
  const JsonReader reader(text);
  out->is_repeated = false;
  reader.get("repeated", &out->is_repeated);
  return has_version(reader) && reader.get("id", &out->id) && reader.get("name", &out->name) &&
         reader.get("digest", &out->digest) && reader.get("size", &out->size) &&
         reader.get("mtime_ns", &out->mtime_ns) && reader.get("sidecar", &out->sidecar) &&
         reader.get("sender", &out->sender) && reader.get("epoch", &out->epoch) &&
         is_hex(out->digest, kDigestSize) && is_hex(out->sender, kTokenSize) && out->id == id_of(*out) &&
         is_valid_path(out->name) && out->sidecar.size() <= kMaxSidecar &&
         out->size <= std::uint64_t{1} << 60U;
}

std::string list_text(const Job& job, std::string_view contents) {
  return job_text(job) + "\n" + std::string(contents);
}

bool parse_list(std::string_view text, Job* out, std::string* contents) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !parse_job(text.substr(0, end), out)) return false;
  *contents = text.substr(end + 1);
  return contents->size() == out->size && digest_of(*contents) == out->digest;
}

std::string claim_text(const Claim& claim) {
  JsonObject object;
  object.add("v", kVersion).add("id", claim.id).add("receiver", claim.receiver);
  if (!claim.run.empty()) object.add("run", claim.run);
  return object.text();
}

bool parse_claim(std::string_view text, Claim* out) {
  const JsonReader reader(text);
  if (!reader.get("run", &out->run)) out->run.clear();
  return has_version(reader) && reader.get("id", &out->id) && reader.get("receiver", &out->receiver) &&
         is_hex(out->id, kIdSize) && is_hex(out->receiver, kTokenSize) &&
         (out->run.empty() || is_hex(out->run, kTokenSize));
}

bool is_claim_of(const std::string& id, std::string_view text) {
  Claim claim;
  return parse_claim(text, &claim) && claim.id == id;
}

std::string list_receipt_of(const std::string& id, const std::string& receiver) {
  return id + "-" + receiver;
}

std::string receipt_text(const Receipt& receipt) {
  JsonObject object;
  object.add("v", kVersion).add("id", receipt.id).add("name", receipt.name).add("digest", receipt.digest);
  return object.add("size", receipt.size).add("receiver", receipt.receiver).add("at", receipt.at).text();
}

bool parse_receipt(std::string_view text, Receipt* out) {
  const JsonReader reader(text);
  return has_version(reader) && reader.get("id", &out->id) && reader.get("name", &out->name) &&
         reader.get("digest", &out->digest) && reader.get("size", &out->size) &&
         reader.get("receiver", &out->receiver) && reader.get("at", &out->at) && is_hex(out->id, kIdSize) &&
         is_hex(out->digest, kDigestSize) && is_hex(out->receiver, kTokenSize);
}

bool is_receipt_of(const Job& job, std::string_view text) {
  Receipt receipt;
  return parse_receipt(text, &receipt) && receipt.id == job.id && receipt.name == job.name &&
         receipt.digest == job.digest && receipt.size == job.size;
}

std::string report_text(const Report& report) {
  JsonObject object;
  object.add("v", kVersion)
      .add("id", report.id)
      .add("receiver", report.receiver)
      .add("reason", report.reason);
  return object.add("again", report.again).text();
}

bool parse_report(std::string_view text, Report* out) {
  const JsonReader reader(text);
  return has_version(reader) && reader.get("id", &out->id) && reader.get("receiver", &out->receiver) &&
         reader.get("reason", &out->reason) && reader.get("again", &out->again);
}

std::string question_text(const Question& question) {
  JsonObject object;
  object.add("v", kVersion).add("id", question.id).add("sender", question.sender);
  return object.add("receiver", question.receiver).add("epoch", question.epoch).text();
}

bool parse_question(std::string_view text, Question* out) {
  const JsonReader reader(text);
  return has_version(reader) && reader.get("id", &out->id) && reader.get("sender", &out->sender) &&
         reader.get("receiver", &out->receiver) && reader.get("epoch", &out->epoch);
}

std::string answer_text(const Answer& answer) {
  return JsonObject().add("v", kVersion).add("state", answer.state).add("holder", answer.holder).text();
}

bool parse_answer(std::string_view text, Answer* out) {
  const JsonReader reader(text);
  return has_version(reader) && reader.get("state", &out->state) && reader.get("holder", &out->holder);
}

std::string peer_text(const Peer& peer) {
  JsonObject object;
  object.add("v", kVersion).add("id", peer.id).add("mode", peer.mode).add("host", peer.host);
  object.add("section", peer.section).add("version", peer.version).add("waiting", peer.waiting);
  object.add("in_hand", peer.in_hand);
  if (!peer.run.empty()) object.add("run", peer.run).add("age_ns", peer.age_ns);
  return object.text();
}

bool parse_peer(std::string_view text, Peer* out) {
  const JsonReader reader(text);
  if (!reader.get("run", &out->run) || !reader.get("age_ns", &out->age_ns)) out->run.clear();
  return has_version(reader) && reader.get("id", &out->id) && reader.get("mode", &out->mode) &&
         reader.get("host", &out->host) && reader.get("section", &out->section) &&
         reader.get("version", &out->version) && reader.get("waiting", &out->waiting) &&
         (reader.get("in_hand", &out->in_hand) || (out->in_hand = out->waiting, true)) &&
         is_hex(out->id, kTokenSize);
}

Stored parse_publication(std::string_view text, std::uint64_t* sequence, std::string* reason) {
  const JsonReader reader(text);
  const json::Value* error = reader.find("error");
  if (error == nullptr) {
    if (reader.get("seq", sequence) && *sequence > 0) return Stored::kYes;
    *reason = "the server's reply is not one to a publication";
    return Stored::kFailed;
  }
  const auto description =
      error->IsObject() ? error->FindMember("description") : json::Value::ConstMemberIterator();
  *reason = "an unknown error";
  if (error->IsObject() && description != error->MemberEnd() && description->value.IsString())
    *reason = description->value.GetString();
  // Both have number 10077: what the stream has of this subject, and a stream without room.
  if (reason->find("per subject") != std::string::npos) return Stored::kAlready;
  for (const char* words :
       {"maximum bytes", "maximum messages", "resource limits", "insufficient", "no space"})
    if (reason->find(words) != std::string::npos) return Stored::kFull;
  return Stored::kFailed;
}

Lookup parse_lookup(std::string_view text, std::uint64_t* sequence, std::string* contents) {
  constexpr int kNoMessage = 10037;
  const JsonReader reader(text);
  const auto member = [&](const char* object, const char* name) -> const json::Value* {
    const json::Value* value = reader.find(object);
    return value != nullptr && value->IsObject() && value->HasMember(name) ? &(*value)[name] : nullptr;
  };
  if (const json::Value* code = member("error", "err_code"); code != nullptr)
    return code->IsInt() && code->GetInt() == kNoMessage ? Lookup::kMissing : Lookup::kUnknown;
  const json::Value* found = member("message", "seq");
  if (found == nullptr || !found->IsUint64()) return Lookup::kUnknown;
  *sequence = found->GetUint64();
  if (contents == nullptr) return Lookup::kFound;
  const json::Value* data = member("message", "data");  // none where the message is empty
  const std::string_view digits =
      data != nullptr && data->IsString() ? std::string_view(data->GetString(), data->GetStringLength()) : "";
  contents->resize(digits.size());
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(contents->data()), contents->size(), digits.data(),
                        digits.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return Lookup::kUnknown;
  contents->resize(size);
  return Lookup::kFound;
}

void for_each_chunk(std::string_view info,
                    const std::function<void(const std::string& id, std::uint64_t number)>& each) {
  const JsonReader reader(info);
  const json::Value* state = reader.find("state");
  if (state == nullptr || !state->IsObject() || !state->HasMember("subjects")) return;
  const json::Value& subjects = (*state)["subjects"];
  if (!subjects.IsObject()) return;
  for (const auto& member : subjects.GetObject()) {
    const std::string_view subject(member.name.GetString(), member.name.GetStringLength());
    const std::size_t dot = subject.rfind('.');
    if (dot == std::string_view::npos) continue;
    const std::string id = id_of_subject(subject.substr(0, dot));
    const std::string_view digits = subject.substr(dot + 1);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size() && is_hex(id, kIdSize)) each(id, number);
  }
}

std::string poison_text(std::string_view subject, std::uint64_t sequence, std::string_view reason,
                        std::string_view data) {
  constexpr std::size_t kKept = 16 * 1024;
  JsonObject object;
  object.add("v", kVersion).add("subject", subject).add("sequence", sequence).add("reason", reason);
  return object.add("bytes", std::uint64_t{data.size()}).add("data", data.substr(0, kKept)).text();
}

}  // namespace paxect::carrier
