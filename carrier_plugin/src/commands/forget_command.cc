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

constexpr std::uint64_t kPatience = 30'000'000'000;  // the sender waits for KnownReceivers::kSilent first
constexpr int kPauseMs = 50;

// What the sender knows of the receiver.
struct Evidence {
  ReportedReceiver receiver;
  bool is_known = false;
  bool is_forgotten = false;  // by the records
};

bool is_sender_connected(const JsonReader& report) {
  bool is_connected = false;
  return report.get("connected", &is_connected) && is_connected;
}

Status read_recorded(const std::string& path, const std::string& id, Evidence* out) {
  KnownReceivers receivers;
  std::uint64_t damaged = 0;
  Status status = Records::read(
      path, [&](const std::string& record) { receivers.take_record(record); }, &damaged);
  receivers.for_each([&](const KnownReceivers::Known& one) {
    if (one.id != id) return;
    out->is_known = true;
    out->receiver.place = one.place;
    out->receiver.last_seen_utc = utc_text(one.seen_ns);
  });
  out->is_forgotten = receivers.is_forgotten(id);
  return status;
}

paxect_plugin_status answer(const Call& call, const Evidence& found, const std::string& state,
                            const std::string& problem) {
  const std::string& id = call.words[0];
  const ReportedReceiver& one = found.receiver;
  if (call.json) {
    JsonObject object;
    object.add("receiver", id).add("place", one.place).add("last_seen_utc", one.last_seen_utc);
    object.add("connected", one.is_connected).add("lists", one.lists);
    call.line(object.add("state", state).add("problem", problem).text());
  } else {
    call.row("receiver", id + (one.place.empty() ? "" : " at " + shown(one.place)));
    if (found.is_known) call.row("last seen", one.last_seen_utc);
    if (found.is_known) call.row("lists", std::to_string(one.lists) + " wait for it");
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
  const JsonReader reader(report.empty() ? "{}" : report);
  for (const ReportedReceiver& one : running ? reported_receivers(reader) : std::vector<ReportedReceiver>())
    if (one.id == id) found = {.receiver = one, .is_known = true};
  if (!found.is_known)
    if (const Status status = read_recorded(state + "/sender.records", id, &found); !status.ok())
      return call.fail(status);
  if (!found.is_known)
    return answer(call, found, "unknown",
                  "the sender knows no receiver " + id + ": paxect carrier status names those it waits for");
  if (found.receiver.is_connected)
    return answer(call, found, "connected",
                  "the receiver " + id + " is connected and gets its lists: stop it first");
  if (running && !is_sender_connected(reader))
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
  found.receiver.is_connected = now.is_known;
  return answer(call, found, now.is_known ? "connected" : "unknown",
                now.is_known ? "the sender has not forgotten the receiver " + id +
                                   ": it has heard of it in the meantime; stop the receiver first"
                             : "the sender knows no receiver " + id + " any more");
}

}  // namespace paxect::carrier
