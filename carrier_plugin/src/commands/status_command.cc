// `status`: what the instance reported last, and whether it runs.
#include <algorithm>
#include <map>

#include "commands/command.h"
#include "json_object.h"
#include "problems.h"
#include "receiver.h"
#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kMaxAge = 30;  // seconds

std::string number(const JsonReader& report, const char* name) {
  std::uint64_t value = 0;
  report.get(name, &value);
  return std::to_string(value);
}

// Seconds since the instance has written its report, of one that writes it every few seconds.
std::uint64_t age_of(const JsonReader& report) {
  std::uint64_t written = 0;
  const std::uint64_t now = boottime_ns();
  return report.get("written_ns", &written) && written < now ? (now - written) / 1'000'000'000 : 0;
}

// What is on its way to or from the server: "2 files, 3 of 14 bytes"; "" for nothing.
std::string under_way(const JsonReader& report) {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t size = 0;
  const json::Value* files = report.find("files");
  if (files == nullptr || !files->IsArray()) return "";
  const auto number_of = [](const json::Value& file, const char* name) {
    return file.HasMember(name) && file[name].IsUint64() ? file[name].GetUint64() : 0;
  };
  for (const json::Value& file : files->GetArray()) {
    std::string state;
    if (!file.IsObject() || !get_text(file, "state", &state) || (state != "sending" && state != "fetching"))
      continue;
    ++count;
    bytes += number_of(file, "bytes");
    size += number_of(file, "size");
  }
  if (count == 0) return "";
  return std::to_string(count) + (count == 1 ? " file, " : " files, ") + std::to_string(bytes) + " of " +
         std::to_string(size) + " bytes";
}

// How the instance is, in the words of link's status: whoever shows both, as the panel does, has one rule.
struct Condition {
  std::string state;        // running, waiting, stopped, unresponsive
  std::string waiting_for;  // what it needs before anything goes on
  std::map<std::string, std::string> trouble;
};

// Why the report, if there is one, says nothing of an instance that runs; "" when it does.
std::string problem_of_report(const Settings& settings, const JsonReader& report, bool is_there) {
  const std::uint64_t age = age_of(report);
  // A full disk keeps an instance from writing a report, and the last one looks well.
  if (const Status status = check_room(settings.state); !status.ok())
    return "the instance cannot write what it reports: " + status.message();
  if (!is_there)
    return "the instance has reported nothing yet: it is starting, or cannot write to " + settings.state +
           ", and its messages have the reason";
  if (age <= kMaxAge) return "";
  return "the instance has reported nothing for " + std::to_string(age) +
         " s: is it stopped, or does a disk hang?";
}

// A name in it may be no UTF-8, and a member is a text.
std::string readable(const std::string& text) {
  std::string clean = shown(text);
  if (!is_utf8(clean))
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return clean;
}

std::map<std::string, std::string> problems_in(const JsonReader& report) {
  std::map<std::string, std::string> all;
  const json::Value* problems = report.find("problems");
  if (problems == nullptr || !problems->IsArray()) return all;
  std::string what;
  std::string text;
  for (const json::Value& problem : problems->GetArray())
    if (get_text(problem, "what", &what) && get_text(problem, "text", &text)) all[what] = text;
  return all;
}

// Of one that does not run, the report is that of an earlier one and says nothing.
Condition condition_of(const Settings& settings, const JsonReader& report, bool running, bool is_there,
                       const std::string& unreported) {
  if (!running) return {.state = "stopped", .waiting_for = "", .trouble = {}};
  Condition now{.state = "running", .waiting_for = "", .trouble = problems_in(report)};
  if (!unreported.empty()) now.trouble["report"] = unreported;
  if (is_there && !report.valid())
    now.trouble["report"] = "the report in " + settings.state + " cannot be read";
  if (is_there && age_of(report) > kMaxAge) now.state = "unresponsive";
  if (!is_there || now.state != "running") return now;
  // Without these two nothing is sent or delivered.
  for (const char* what : {kConnectionProblem, kFolderProblem})
    if (const auto found = now.trouble.find(what); found != now.trouble.end()) {
      now.waiting_for += (now.waiting_for.empty() ? "" : "; ") + found->second;
      now.trouble.erase(found);
    }
  bool connected = false;
  if (now.waiting_for.empty() && report.get("connected", &connected) && !connected)
    now.waiting_for = "a connection to " + settings.server_list();
  if (!now.waiting_for.empty()) now.state = "waiting";
  return now;
}

// Those that are away and for which lists wait.
void print_receivers(const Call& call, const JsonReader& report) {
  constexpr int kMaxRows = 10;
  int rows = 0;
  for (const ReportedReceiver& one : reported_receivers(report))
    if (!one.is_connected && one.lists != 0 && rows++ < kMaxRows)
      call.row("away", one.id + (one.place.empty() ? "" : "  " + shown(one.place)) + "  last seen " +
                           one.last_seen_utc + ", " + std::to_string(one.lists) + " lists wait for it");
}

void print(const Call& call, const JsonReader& report, const Condition& now, const std::string& unreported) {
  const bool running = now.state != "stopped";
  const Settings& settings = call.settings();
  const bool sends = settings.mode == Mode::kSend;
  bool connected = false;
  std::string server;
  report.get("connected", &connected);
  report.get("server", &server);
  call.row("carrier", (running ? now.state : "not running") + ", mode " + (sends ? "send" : "receive"));
  if (!unreported.empty()) call.row("problem", unreported);
  call.row("server", running && connected ? server : "not connected to " + settings.server_list());
  call.row("subject", settings.subject);
  call.row("folder", settings.folder);
  if (!report.valid()) return;
  if (sends) {
    call.row("waiting", number(report, "waiting") + " to be published");
    call.row("unconfirmed", number(report, "unconfirmed") + " published, without a receipt");
    if (const std::string kept = number(report, "kept_lists"); kept != "0")
      call.row("kept", kept + " lists that a receiver has, and not all of them");
    print_receivers(call, report);
    call.row("held", number(report, "held") + " not sent");
    if (const std::string left = number(report, "unremoved"); left != "0")
      call.row("unremoved", left + " delivered, which cannot be removed from the folder");
    if (const std::string hidden = number(report, "hidden"); hidden != "0")
      call.row("hidden", hidden + " names that begin with a dot, which are passed over");
  } else {
    call.row("waiting", number(report, "waiting") + " fetched and not delivered");
    call.row("unconfirmed", number(report, "unconfirmed") + " delivered, whose receipt is not stored");
  }
  if (const std::string text = under_way(report); !text.empty())
    call.row(sends ? "sending" : "fetching", text);
  call.row("delivered", number(report, "delivered") + " since it was started, " +
                            number(report, "delivered_bytes") + " bytes");
  if (const json::Value* problems = report.find("problems"); problems != nullptr && problems->IsArray())
    for (const json::Value& problem : problems->GetArray())
      if (std::string text; get_text(problem, "text", &text)) call.row("problem", shown(text));
}

}  // namespace

paxect_plugin_status run_status(const Call& call) {
  bool running = false;
  if (const Status status = find_running(call.settings(), &running); !status.ok()) return call.fail(status);
  std::string text;
  if (const Status status = read_report(call.settings(), &text); !status.ok()) return call.fail(status);
  const JsonReader report(text.empty() ? "{}" : text);
  const std::string unreported = running ? problem_of_report(call.settings(), report, !text.empty()) : "";
  const Condition now = condition_of(call.settings(), report, running, !text.empty(), unreported);
  if (call.json) {
    JsonObject object;
    object.add("running", running).add("state", now.state);
    if (now.waiting_for.empty())
      object.add_null("waiting_for");
    else
      object.add("waiting_for", readable(now.waiting_for));
    object.add("mode", call.settings().mode == Mode::kSend ? "send" : "receive");
    object.add("subject", call.settings().subject).add("age_seconds", age_of(report));
    object.add("problem", unreported);
    JsonObject trouble;
    for (const auto& [what, text_of_it] : now.trouble) trouble.add(what, readable(text_of_it));
    object.add_json("trouble", trouble.text());
    if (report.valid() && !text.empty()) {
      object.add_json("report", text);
    } else {
      object.add_null("report");
    }
    call.line(object.text());
  } else {
    print(call, report, now, unreported);
  }
  return now.state == "running" && now.trouble.empty() ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::carrier
