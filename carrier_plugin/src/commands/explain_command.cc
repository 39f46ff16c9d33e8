// `explain`: one file, by the last report, the records of a receiver, and the log.
#include <sys/stat.h>

#include "commands/command.h"
#include "json_object.h"
#include "names.h"
#include "problems.h"
#include "records.h"
#include "report.h"
#include "state_directory.h"

namespace paxect::carrier {
namespace {

struct Explanation {
  std::string name;
  std::string state = "unknown";
  std::string peer;
  std::string reason;
  std::string at;    // the name in the folder of the receiver, when it has another one
  std::string time;  // UTC
};

bool find_in_report(const std::string& text, Explanation* out) {
  const JsonReader report(text);
  const json::Value* files = report.find("files");
  if (files == nullptr || !files->IsArray()) return false;
  for (const json::Value& file : files->GetArray()) {
    std::string name;
    if (!get_text(file, "name", &name) || name != out->name) continue;
    get_text(file, "receiver", &out->peer);
    get_text(file, "reason", &out->reason);
    return get_text(file, "state", &out->state);
  }
  return false;
}

bool find_in_records(const Settings& settings, Explanation* out) {
  std::uint64_t damaged = 0;
  bool found = false;
  const auto each = [&](const std::string& record) {
    constexpr std::string_view kWord = "delivered ";
    if (!record.starts_with(kWord)) return;
    const JsonReader reader(std::string_view(record).substr(kWord.size()));
    std::string name;
    if (!reader.get("name", &name) || name != out->name) return;
    found = reader.get("at", &out->at);
    out->state = "delivered";
  };
  return Records::read(settings.state + "/receiver.records", each, &damaged).ok() && found;
}

// The last line of the log about it.
bool find_in_log(const Settings& settings, Explanation* out) {
  constexpr std::size_t kLimit = 256 * 1024 * 1024;
  std::string text;
  bool missing = false;
  if (settings.log.empty() || !read_file(settings.log, kLimit, &text, &missing).ok() || missing) return false;
  bool found = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const JsonReader reader(std::string_view(text).substr(begin, end - begin));
    std::string name;
    begin = end + 1;
    if (!reader.get("name", &name) || name != out->name || !reader.get("event", &out->state)) continue;
    reader.get("peer", &out->peer);
    reader.get("datetime_utc", &out->time);
    if (!reader.get("reason", &out->reason)) out->reason.clear();
    found = true;
  }
  // The sender's log has a line when a file is delivered and removed; `sent` is one that waits for that.
  if (out->state == "sent") out->state = "delivered";
  return found;
}

bool is_in_folder(const Settings& settings, const std::string& name) {
  struct stat info {};
  return lstat((settings.folder + "/" + name).c_str(), &info) == 0;
}

// A scan passes over it.
bool is_hidden(const std::string& name) {
  return name.starts_with('.') || name.find("/.") != std::string::npos;
}

// Why the report does not name a file that is in the folder.
std::string reason_to_wait(const std::string& text) {
  if (text.empty()) return "it is in the folder; no instance has reported anything yet";
  const JsonReader report(text);
  bool is_connected = false;
  report.get("connected", &is_connected);
  const json::Value* problems = report.find("problems");
  std::string what;
  std::string reason;
  // Nothing is read while there is no connection.
  if (!is_connected && problems != nullptr && problems->IsArray())
    for (const json::Value& problem : problems->GetArray())
      if (get_text(problem, "what", &what) && what == kConnectionProblem &&
          get_text(problem, "text", &reason))
        break;
  if (!is_connected)
    return "it is in the folder, and is read when there is a connection" +
           (reason.empty() ? reason : ": " + reason);
  const json::Value* files = report.find("files");
  const std::size_t named = files != nullptr && files->IsArray() ? files->Size() : 0;
  if (named < kMaxReportedNames) return "it is in the folder, and has not been read yet";
  return "it is in the folder; the report names " + std::to_string(named) +
         " files, and this one is not among them";
}

// Whether it is in the folder of a sender, beyond the names that the report has.
bool is_waiting(const Settings& settings, const std::string& report, Explanation* out) {
  if (settings.mode != Mode::kSend || !is_in_folder(settings, out->name)) return false;
  if (is_hidden(out->name)) {
    out->state = "hidden";
    out->reason = "a name in its path begins with a dot, and hidden files are not sent: rename it";
    return true;
  }
  if (const std::string container = container_of(out->name);
      kind_of(out->name) == FileKind::kSidecar && is_in_folder(settings, container)) {
    Explanation other;
    other.name = container;
    if (!find_in_report(report, &other)) is_waiting(settings, report, &other);
    out->state = other.state;
    out->peer = other.peer;
    out->reason = "it goes with its container, " + container;
    if (!other.reason.empty()) out->reason += ": " + other.reason;
    return true;
  }
  out->state = "waiting";
  out->reason = reason_to_wait(report);
  return true;
}

}  // namespace

paxect_plugin_status run_explain(const Call& call) {
  Explanation found;
  found.name = call.words.front();
  const std::string prefix = call.settings().folder + "/";
  if (found.name.starts_with(prefix)) found.name.erase(0, prefix.size());
  std::string report;
  if (const Status status = read_report(call.settings(), &report); !status.ok()) return call.fail(status);
  bool known = find_in_report(report, &found) || is_waiting(call.settings(), report, &found) ||
               find_in_log(call.settings(), &found);
  // The log does not have the name that a container got; the records have not when, or from whom.
  if (call.settings().mode == Mode::kReceive && (!known || found.state == "delivered"))
    known = find_in_records(call.settings(), &found) || known;
  if (call.json) {
    JsonObject object;
    object.add("name", found.name)
        .add("state", found.state)
        .add("peer", found.peer)
        .add("reason", found.reason);
    call.line(object.add("at", found.at).add("datetime_utc", found.time).text());
  } else {
    call.row("name", shown(found.name));
    call.row("state", found.state);
    if (!found.peer.empty()) call.row("peer", found.peer);
    if (!found.reason.empty()) call.row("reason", shown(found.reason));
    if (!found.at.empty() && found.at != found.name) call.row("at", shown(found.at));
    if (!found.time.empty()) call.row("time", found.time);
  }
  return known ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::carrier
