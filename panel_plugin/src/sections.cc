#include "sections.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "json_text.h"
#include "server.h"

namespace paxect::panel {
namespace {

constexpr std::uint64_t kInterval = kSecond;
constexpr std::uint64_t kIdleInterval = 10 * kSecond;
constexpr std::uint64_t kSilentInterval = 60 * kSecond;
// The time from one command to the next, in multiples of what the first one took of a processor, or in all.
constexpr std::uint64_t kRestFactor = 50;
constexpr std::uint64_t kWaitFactor = 3;
constexpr std::uint64_t kLimit = 60 * kSecond;
constexpr int kUsage = 64;  // the exit status for a command that the section does not offer

double number(const json::Value& object, const char* member) {
  const auto found = object.FindMember(member);
  return found != object.MemberEnd() && found->value.IsNumber() ? found->value.GetDouble() : 0;
}

std::int64_t integer(const json::Value& object, const char* member) {
  const auto found = object.FindMember(member);
  return found != object.MemberEnd() && found->value.IsInt64() ? found->value.GetInt64() : 0;
}

Sample sample_of(const json::Value& report, std::int64_t utc_ms) {
  Sample sample{.time_s = utc_ms / 1000};
  if (const auto minute = report.FindMember("last_minute");
      minute != report.MemberEnd() && minute->value.IsObject()) {
    sample.files_per_second = number(minute->value, "files_per_second");
    sample.bytes_per_second = number(minute->value, "bytes_per_second");
  }
  if (const auto backlog = report.FindMember("backlog");
      backlog != report.MemberEnd() && backlog->value.IsObject()) {
    sample.waiting_files = number(backlog->value, "files");
    sample.oldest_seconds = number(backlog->value, "oldest_seconds");
  }
  if (const auto latency = report.FindMember("latency");
      latency != report.MemberEnd() && latency->value.IsObject())
    sample.latency_seconds = number(latency->value, "median_seconds");
  return sample;
}

// {"doctor":"DIR [--json]",...}
std::string commands_json(const std::map<std::string, std::string>& commands) {
  std::string text;
  for (const auto& [name, arguments] : commands)
    text +=
        (text.empty() ? "{" : ",") + json_string(printable(name)) + ":" + json_string(printable(arguments));
  return text.empty() ? "{}" : text + "}";
}

std::string text_of(const json::Value& report, const char* member) {
  const auto found = report.FindMember(member);
  return found != report.MemberEnd() && found->value.IsString()
             ? std::string(found->value.GetString(), found->value.GetStringLength())
             : "";
}

// A report without the member `state` has nothing to say about it.
bool is_running(const std::string& state) { return state.empty() || state == "running"; }

// Why a command gave no answer.
std::string reason_of(const CommandEnd& end, const char* what) {
  if (!end.error.empty()) return end.error;
  return std::string(what) + " ended with " + std::to_string(end.status);
}

// What `paxect SECTION` prints (ABI.md, Commands): a line for each command, with two blanks, its name, its
// arguments, two blanks and a summary.
std::map<std::string, std::string> parse_commands(std::string_view text) {
  std::map<std::string, std::string> commands;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with("  ")) continue;
    line.remove_prefix(2);
    line = line.substr(0, line.find("  "));
    const std::string_view name = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(name.size() + 1, line.size()));
    if (!name.empty()) commands.emplace(name, line);
  }
  return commands;
}

}  // namespace

Sections::Sections(Events* events, Runner* runner, std::vector<std::string> program,
                   const std::vector<std::string>& names)
    : events_(events), runner_(runner), program_(std::move(program)) {
  for (const std::string& name : names) sections_.push_back({.name = name});
}

Sections::~Sections() {
  for (Section& section : sections_) unwatch(&section);
}

const Sections::Section* Sections::find(const std::string& name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const Section& each) { return each.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

std::vector<std::string> Sections::command(const std::string& section,
                                           const std::vector<std::string>& words) const {
  std::vector<std::string> all = {program_.front(), section};
  all.insert(all.end(), program_.begin() + 1, program_.end());
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

bool Sections::offers(const std::string& section, const std::string& command) const {
  const Section* found = find(section);
  return found != nullptr && (found->commands.empty() || found->commands.count(command) != 0);
}

std::string Sections::arguments_of(const std::string& section, const std::string& command) const {
  const Section* found = find(section);
  if (found == nullptr) return "";
  const auto entry = found->commands.find(command);
  return entry == found->commands.end() ? "" : entry->second;
}

std::uint64_t Sections::poll(bool has_viewers, const std::function<void()>& on_report) {
  constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  if (running_ || sections_.empty()) return kNever;  // the end of the command wakes us
  const auto due = [&](const Section& section) { return has_viewers ? section.due_ns : section.idle_due_ns; };
  const auto next = std::min_element(sections_.begin(), sections_.end(),
                                     [&](const Section& a, const Section& b) { return due(a) < due(b); });
  if (due(*next) > now_.monotonic_ns) return due(*next);
  ask(&*next, on_report);
  return kNever;
}

void Sections::ask(Section* section, const std::function<void()>& on_report) {
  section->begun_ns = now_.monotonic_ns;
  section->due_ns = section->idle_due_ns = now_.monotonic_ns + kInterval;
  const bool is_listed = section->is_listed;
  const std::vector<std::string> words =
      is_listed ? std::vector<std::string>{"status", "--json"} : std::vector<std::string>{};
  running_ = runner_->run(command(section->name, words), kLimit,
                          [this, section, on_report, is_listed](const CommandEnd& end) {
                            running_ = false;
                            is_listed ? take_report(section, end) : take_commands(section, end);
                            on_report();
                          });
}

// The state, or the error, is another one from now on.
void Sections::note_change(Section* section) const {
  section->since_start = !section->asked;
  section->since_ms = now_.utc_ms;
}

void Sections::set_error(Section* section, std::string error) const {
  if (error.empty() != section->error.empty()) note_change(section);
  section->error = std::move(error);
}

void Sections::watch(Section* section, std::int64_t pid) {
  if (pid == section->pid) return;
  unwatch(section);
  if (pid <= 1 || pid > std::numeric_limits<pid_t>::max()) return;
  section->process = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!section->process.valid()) return;
  section->pid = pid;
  section->ended = events_->add(section->process.get(), EPOLLIN, [this, section](std::uint32_t) {
    unwatch(section);
    section->due_ns = section->idle_due_ns = std::max(now_.monotonic_ns, section->begun_ns + kInterval);
  });
}

void Sections::unwatch(Section* section) {
  if (section->ended != 0) events_->remove(std::exchange(section->ended, 0));
  section->process.reset();
  section->pid = 0;
}

// When to ask next. The commands of a section take at most a fiftieth of one processor, and at most a third
// of the time where they wait for a disk or for a busy machine.
void Sections::rest(Section* section, const CommandEnd& end, std::uint64_t interval) const {
  const std::uint64_t took = now_.monotonic_ns - section->begun_ns;
  const std::uint64_t pause = std::max({interval, kRestFactor * end.processor_ns, kWaitFactor * took});
  section->due_ns = section->begun_ns + pause;
  section->idle_due_ns = section->begun_ns + std::max(pause, kIdleInterval);
}

void Sections::take_commands(Section* section, const CommandEnd& end) {
  // It fails too for a section that the configuration does not have.
  if (!end.started || end.late || end.status != 0) {
    set_error(section, reason_of(end, "the list of commands"));
    section->asked = true;
    return rest(section, end, kInterval);
  }
  section->commands = parse_commands(end.output);
  section->silent = section->commands.count("status") == 0;
  section->is_listed = !section->silent;
  if (section->is_listed) {
    section->due_ns = section->idle_due_ns = now_.monotonic_ns;
    return;
  }
  set_error(section, "");
  section->asked = true;
  rest(section, end, kSilentInterval);
}

void Sections::take_report(Section* section, const CommandEnd& end) {
  json::Document report;
  std::string_view text = end.output;
  while (text.ends_with('\n')) text.remove_suffix(1);
  const bool is_report = end.started && !end.late && (end.status == 0 || end.status == 1) &&
                         parse_json(text, &report) && report.IsObject();
  set_error(section, is_report ? "" : reason_of(end, "status"));
  if (end.started && end.status == kUsage) section->is_listed = false;  // another version of the plugin
  if (is_report) {
    const std::string state = text_of(report, "state");
    if (!section->asked || state != section->state) note_change(section);
    section->state = state;
    section->report = text;
    section->reported_ms = now_.utc_ms;
    section->history.add(sample_of(report, now_.utc_ms));
  } else if (!section->asked) {
    note_change(section);
  }
  section->asked = true;
  watch(section, is_report ? integer(report, "pid") : 0);
  rest(section, end, kInterval);
}

std::string Sections::json() const {
  std::string text;
  for (const Section& section : sections_) {
    text += text.empty() ? "[" : ",";
    text += R"({"name":)" + json_string(section.name);
    text += R"(,"asked":)" + std::string(section.asked ? "true" : "false");
    text += R"(,"silent":)" + std::string(section.silent ? "true" : "false");
    text += R"(,"commands":)" + commands_json(section.commands);
    text += R"(,"error":)" + json_string(printable(section.error));
    text += R"(,"since_ms":)" + std::to_string(section.since_ms);
    text += R"(,"since_start":)" + std::string(section.since_start ? "true" : "false");
    text += R"(,"reported_ms":)" + std::to_string(section.reported_ms);
    text += R"(,"report":)" + (section.report.empty() ? "null" : section.report) + "}";
  }
  return text.empty() ? "[]" : text + "]";
}

std::string Sections::history_json(const std::string& name) const {
  const Section* section = find(name);
  return section == nullptr ? "" : section->history.json();
}

std::vector<std::string> Sections::unhealthy() const {
  std::vector<std::string> names;
  for (const Section& section : sections_)
    if (!section.silent && (!section.asked || !section.error.empty() || !is_running(section.state)))
      names.push_back(section.name);
  return names;
}

std::vector<std::string> Sections::names() const {
  std::vector<std::string> names;
  for (const Section& section : sections_) names.push_back(section.name);
  return names;
}

std::string Sections::text_in(const std::string& name, const char* member) const {
  const Section* section = find(name);
  json::Document report;
  if (section == nullptr || !parse_json(section->report, &report) || !report.IsObject()) return "";
  return text_of(report, member);
}

std::int64_t Sections::number_in(const std::string& name, const char* member) const {
  const Section* section = find(name);
  json::Document report;
  if (section == nullptr || !parse_json(section->report, &report) || !report.IsObject()) return 0;
  return integer(report, member);
}

}  // namespace paxect::panel
