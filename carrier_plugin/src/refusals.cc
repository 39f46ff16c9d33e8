#include "refusals.h"

#include <algorithm>
#include <array>
#include <utility>

namespace paxect::carrier {
namespace {

constexpr char kNoReply[] = "no reply";
constexpr char kNoStream[] = "no stream takes the subject";
constexpr std::array<std::string_view, 8> kStreams = {"data",   "job",  "claim",  "receipt",
                                                      "report", "list", "poison", "epoch"};

bool has(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

}  // namespace

std::string remedy_of_refusal(const std::string& what, const std::string& name, std::string_view reason) {
  if (has(reason, "ermissions"))
    return "let the user of this carrier publish there; see man paxect-carrier, SECURITY";
  if (reason == kNoStream) return "the carrier makes it again; if that recurs, find out who removes it";
  if (has(reason, "size")) return "run: nats stream edit " + name + " --max-msg-size=-1";
  if (has(reason, "maximum"))
    return what == "data" ? "it is full, and files wait until receivers have taken some; do they run? Raise "
                            "max_stream_mb if they keep up"
                          : "it is full: run: nats stream edit " + name + " --max-bytes=-1 --max-msgs=-1";
  if (has(reason, "resource") || has(reason, "insufficient") || has(reason, "no space"))
    return "the server has no room for the stream: make room on its disk, or raise the limit of its account";
  return "look into the log of the server, and run: nats stream info " + name;
}

std::string Refusals::stream_of(std::string_view subject) const {
  for (const std::string_view what : kStreams)
    if (subject.starts_with(names_.subject(what, ""))) return std::string(what);
  return "";
}

std::string Refusals::condition(const std::string& what) const {
  return "the server refuses messages to the stream " + names_.stream(what);
}

Stored Refusals::read(std::string_view subject, const Message* reply, std::uint64_t* sequence,
                      std::string* reason) {
  *reason = kNoReply;
  if (reply == nullptr) return Stored::kFailed;
  Stored stored = Stored::kFailed;
  if (reply->status() == 503)
    *reason = kNoStream;
  else
    stored = parse_publication(reply->data(), sequence, reason);
  if (stored == Stored::kFailed || stored == Stored::kFull) note(subject, *reason);
  return stored;
}

Stored Refusals::take(std::string_view subject, const Message* reply, std::uint64_t* sequence) {
  std::string ignored;
  const Stored stored = read(subject, reply, sequence, &ignored);
  if (stored == Stored::kYes) end(stream_of(subject));
  return stored;
}

void Refusals::note(std::string_view subject, const std::string& reason) {
  const std::string what = stream_of(subject);
  if (what.empty()) return;
  ++count_;
  Refused& refused = refused_[what];
  refused.last_ns = host_.monotonic_ns();
  if (refused.reason == reason && refused.server == connection_.last_url()) return;
  refused.reason = reason;
  refused.server = connection_.last_url();
  refused.subject = subject;
  const std::string name = names_.stream(what);
  problems_.set(condition(what), "the server " + refused.server + " does not store messages in the stream " +
                                     name + " (" + reason + "), the first one on the subject " +
                                     refused.subject + ": " + remedy_of_refusal(what, name, reason) +
                                     ". What was refused is published again");
}

void Refusals::note_silence(std::string_view subject) {
  const std::string what = stream_of(subject);
  if (!refused_.contains(what)) return note(subject, kNoReply);
  renew(what);
}

void Refusals::renew(const std::string& what) {
  if (const auto found = refused_.find(what); found != refused_.end())
    found->second.last_ns = host_.monotonic_ns();
}

bool Refusals::note_permission(std::string_view subject, const std::string& words) {
  if (stream_of(subject).empty()) return false;
  // The words have the subject, which is another one at each attempt.
  note(subject, words.substr(0, words.find('"')) + "this subject");
  return true;
}

void Refusals::end(const std::string& what) {
  if (refused_.erase(what) > 0) problems_.set(condition(what), "");
}

void Refusals::tend() {
  const std::uint64_t now = host_.monotonic_ns();
  for (const std::string_view name : kStreams) {
    const std::string what(name);
    const auto found = refused_.find(what);
    if (found != refused_.end() && now - found->second.last_ns >= kForgotten) end(what);
  }
}

}  // namespace paxect::carrier
