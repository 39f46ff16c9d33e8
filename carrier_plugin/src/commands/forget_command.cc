// `forget`: a receiver that does not come back, for which the sender keeps lists, is not waited for any more.
#include <poll.h>
#include <unistd.h>

#include "commands/command.h"
#include "digest.h"
#include "event_log.h"
#include "forgetting.h"
#include "json_object.h"
#include "known_receivers.h"
#include "records.h"
#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kPatience = 30'000'000'000;  // the sender listens for KnownReceivers::kSilent first
constexpr int kPauseMs = 50;

// What the sender knows of the receiver.
struct Evidence {
  std::string place;
  std::string last_seen;
  std::uint64_t lists = 0;
  bool is_known = false;
  bool is_connected = false;
  bool is_forgotten = false;  // by the records
};

bool is_sender_connected(const std::string& report) {
  bool is_connected = false;
  return JsonReader(report.empty() ? "{}" : report).get("connected", &is_connected) && is_connected;
}

// By the report of one that runs.
void read_running(const std::string& report, const std::string& id, Evidence* out) {
  const JsonReader reader(report.empty() ? "{}" : report);
  const json::Value* receivers = reader.find("receivers");
  if (receivers == nullptr || !receivers->IsArray()) return;
  for (const json::Value& one : receivers->GetArray()) {
    std::string there;
    if (!get_text(one, "id", &there) || there != id) continue;
    out->is_known = true;
    get_text(one, "place", &out->place);
    get_text(one, "last_seen_utc", &out->last_seen);
    if (one.HasMember("lists") && one["lists"].IsUint64()) out->lists = one["lists"].GetUint64();
    out->is_connected = one.HasMember("connected") && one["connected"].IsTrue();
  }
}

Status read_recorded(const std::string& path, const std::string& id, Evidence* out) {
  KnownReceivers receivers;
  std::uint64_t damaged = 0;
  Status status = Records::read(
      path, [&](const std::string& record) { receivers.take_record(record); }, &damaged);
  receivers.for_each([&](const KnownReceivers::Known& one) {
    if (one.id != id) return;
    out->is_known = true;
    out->place = one.place;
    out->last_seen = utc_text(one.seen_ns);
  });
  out->is_forgotten = receivers.is_forgotten(id);
  return status;
}

paxect_plugin_status answer(const Call& call, const Evidence& found, const std::string& state,
                            const std::string& problem) {
  const std::string& id = call.words[0];
  if (call.json) {
    JsonObject object;
    object.add("receiver", id).add("place", found.place).add("last_seen_utc", found.last_seen);
    object.add("connected", found.is_connected).add("lists", found.lists);
    call.line(object.add("state", state).add("problem", problem).text());
  } else {
    call.row("receiver", id + (found.place.empty() ? "" : " at " + shown(found.place)));
    if (found.is_known) call.row("last seen", found.last_seen);
    if (found.is_known) call.row("lists", std::to_string(found.lists) + " wait for it");
    call.row("state", state);
  }
  return problem.empty() ? PAXECT_PLUGIN_OK : call.fail(problem, PAXECT_PLUGIN_INCOMPLETE);
}

}  // namespace

paxect_plugin_status run_forget(const Call& call) {
  const std::string& id = call.words[0];
  const std::string& state = call.settings().state;
  if (call.settings().mode != Mode::kSend)
    return call.fail(
        "a receiver is forgotten by the senders that keep lists for it: run this with the "
        "configuration of a sender",
        PAXECT_PLUGIN_USAGE);
  if (!is_hex(id, KnownReceivers::kIdSize))
    return call.fail("'" + shown(id) + "' is no receiver: its ID has " +
                         std::to_string(KnownReceivers::kIdSize) +
                         " hexadecimal digits, as paxect carrier status names it",
                     PAXECT_PLUGIN_USAGE);
  bool running = false;
  if (const Status status = find_running(call.settings(), &running); !status.ok()) return call.fail(status);
  Evidence found;
  std::string report;
  if (const Status status = read_report(call.settings(), &report); !status.ok()) return call.fail(status);
  if (running) read_running(report, id, &found);
  if (!found.is_known)
    if (const Status status = read_recorded(state + "/sender.records", id, &found); !status.ok())
      return call.fail(status);
  if (!found.is_known)
    return answer(call, found, "unknown",
                  "the sender knows no receiver " + id + ": paxect carrier status names those it waits for");
  if (found.is_connected)
    return answer(call, found, "connected",
                  "the receiver " + id + " is connected and gets its lists: stop it first");
  if (running && !is_sender_connected(report))
    return answer(call, found, "refused",
                  "the sender is not connected, so that it does not hear whether the receiver " + id +
                      " is there: run this again when paxect carrier status says that it is connected");
  const std::string request = forget_request(state, id);
  if (const Status status = replace_file(request, ""); !status.ok()) return call.fail(status);
  if (!running) return answer(call, found, "requested", "");
  const std::uint64_t end = call.host().monotonic_ns() + kPatience;
  while (access(request.c_str(), F_OK) == 0) {
    if (call.host().monotonic_ns() >= end || call.host().stop_requested())
      return answer(
          call, found, "requested",
          "the sender has not forgotten the receiver " + id +
              " yet: it does so when it has been connected for 20 seconds; its messages have the reason");
    poll(nullptr, 0, kPauseMs);
  }
  // It removes the request also when it refuses it.
  Evidence now;
  if (const Status status = read_recorded(state + "/sender.records", id, &now); !status.ok())
    return call.fail(status);
  if (now.is_forgotten) return answer(call, found, "forgotten", "");
  found.is_connected = now.is_known;
  return answer(call, found, now.is_known ? "connected" : "unknown",
                now.is_known ? "the sender has not forgotten the receiver " + id +
                                   ": it has heard of it in the meantime; stop the receiver first"
                             : "the sender knows no receiver " + id + " any more");
}

}  // namespace paxect::carrier
