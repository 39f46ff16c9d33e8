#include "sections.h"

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
constexpr std::uint64_t kRestFactor = 20;  // the pause after a command, in multiples of its time
constexpr std::uint64_t kLimit = 60 * kSecond;
constexpr int kUsage = 64;  // the exit status for a command that the section does not offer

double number(const json::Value& object, const char* member) {
  const auto found = object.FindMember(member);
  return found != object.MemberEnd() && found->value.IsNumber() ? found->value.GetDouble() : 0;
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
  return sample;
}

std::string text_of(const json::Value& report, const char* member) {
  const auto found = report.FindMember(member);
  return found != report.MemberEnd() && found->value.IsString()
             ? std::string(found->value.GetString(), found->value.GetStringLength())
             : "";
}

}  // namespace

Sections::Sections(Runner* runner, std::vector<std::string> program, const std::vector<std::string>& names)
    : runner_(runner), program_(std::move(program)) {
  for (const std::string& name : names) sections_.push_back({.name = name});
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
  running_ = runner_->run(command(section->name, {"status", "--json"}), kLimit,
                          [this, section, on_report](const CommandEnd& end) {
                            running_ = false;
                            take(section, end);
                            on_report();
                          });
}

void Sections::take(Section* section, const CommandEnd& end) {
  json::Document report;
  std::string error;
  section->silent = end.started && end.status == kUsage;
  std::string_view text = end.output;
  while (text.ends_with('\n')) text.remove_suffix(1);
  const bool is_report = end.started && !end.late && (end.status == 0 || end.status == 1) &&
                         parse_json(text, &report) && report.IsObject();
  if (!is_report && !section->silent)
    error = end.error.empty() ? "status ended with " + std::to_string(end.status) : end.error;
  const std::string state = is_report ? text_of(report, "state") : section->state;
  if (!section->asked || state != section->state || error.empty() != section->error.empty()) {
    section->since_start = !section->asked;
    section->since_ms = now_.utc_ms;
  }
  section->asked = true;
  section->error = std::move(error);
  section->state = state;
  if (is_report) {
    section->report = text;
    section->reported_ms = now_.utc_ms;
    section->history.add(sample_of(report, now_.utc_ms));
  }
  const std::uint64_t took = now_.monotonic_ns - section->begun_ns;
  const std::uint64_t rest = std::max(section->silent ? kSilentInterval : kInterval, kRestFactor * took);
  section->due_ns = section->begun_ns + rest;
  section->idle_due_ns = section->begun_ns + std::max(rest, kIdleInterval);
}

std::string Sections::json() const {
  std::string text;
  for (const Section& section : sections_) {
    text += text.empty() ? "[" : ",";
    text += R"({"name":)" + json_string(section.name);
    text += R"(,"asked":)" + std::string(section.asked ? "true" : "false");
    text += R"(,"silent":)" + std::string(section.silent ? "true" : "false");
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
    if (!section.silent && (!section.error.empty() || section.state != "running"))
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
  const json::Value& object = report;
  const auto found = object.FindMember(member);
  return found != object.MemberEnd() && found->value.IsInt64() ? found->value.GetInt64() : 0;
}

}  // namespace paxect::panel
