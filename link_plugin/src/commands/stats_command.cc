// `stats`: the audit log in numbers.
#include <map>

#include "commands/command.h"
#include "commands/log_reader.h"
#include "commands/relay_context.h"

namespace paxect::link {
namespace {

struct Direction {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t container_bytes = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;

  void add(const LogLine& line) {
    if (files == 0 || line.utc < first) first = line.utc;
    if (files == 0 || line.utc > last) last = line.utc;
    ++files;
    bytes += line.bytes;
    container_bytes += line.container_bytes;
  }
  // The log has a resolution of one second: what took less counts as one.
  double seconds() const { return last > first ? static_cast<double>(last - first) : 1; }
  double files_per_second() const { return static_cast<double>(files) / seconds(); }
  double bytes_per_second() const { return static_cast<double>(bytes) / seconds(); }
};

struct Stats {
  std::vector<std::string> logs;
  std::vector<std::string> passed_over;  // compressed logs
  LogCount count;
  std::string first, last;
  std::map<std::string, std::uint64_t> events;
  std::map<std::string, Direction> directions;

  void add(const LogLine& line) {
    // Times are written so that their order is that of the text.
    if (first.empty() || line.datetime_utc < first) first = line.datetime_utc;
    if (line.datetime_utc > last) last = line.datetime_utc;
    ++events[line.event];
    if (line.is_transfer()) directions[line.event].add(line);
  }
};

void print_json(const Stats& stats, Console* console) {
  JsonLine json;
  json.begin_array("logs");
  for (const std::string& path : stats.logs) json.add_element(path);
  json.end_array();
  json.begin_array("passed_over");
  for (const std::string& path : stats.passed_over) json.add_element(path);
  json.end_array();
  json.add("lines", stats.count.lines);
  json.add("unreadable", stats.count.unreadable);
  json.add("first_utc", stats.first);
  json.add("last_utc", stats.last);
  json.begin_object("events");
  for (const auto& [event, count] : stats.events) json.add(event, count);
  json.end_object();
  json.begin_object("directions");
  for (const auto& [name, direction] : stats.directions) {
    json.begin_object(name);
    json.add("files", direction.files);
    json.add("bytes", direction.bytes);
    json.add("container_bytes", direction.container_bytes);
    json.add("files_per_second", direction.files_per_second());
    json.add("bytes_per_second", direction.bytes_per_second());
    json.end_object();
  }
  json.end_object();
  json.finish(console);
}

void print_text(const Stats& stats, Console* console) {
  console->row(
      "logs",
      count_text(stats.logs.size(), "file") + ", " + count_text(stats.count.lines, "line") +
          (stats.count.unreadable == 0 ? "" : ", " + std::to_string(stats.count.unreadable) + " unreadable"));
  if (!stats.passed_over.empty()) console->row("", passed_over_text(stats.passed_over));
  if (stats.count.lines > 0) console->row("time", stats.first + " to " + stats.last);
  for (const auto& [name, direction] : stats.directions)
    console->row(name, count_text(direction.files, "file") + ", " + size_text(direction.bytes) +
                           " of data, " + size_text(direction.container_bytes) + " of containers, " +
                           rate_text(direction.files_per_second(), "files") + ", " +
                           size_text(static_cast<std::uint64_t>(direction.bytes_per_second())) + "/s");
  if (!stats.events.empty()) console->line("events");
  for (const auto& [event, count] : stats.events) console->row("  " + shown(event), std::to_string(count));
}

}  // namespace

paxect_plugin_status run_stats(const Call& call) {
  std::vector<std::string> logs;
  if (paxect_plugin_status status = logs_of(call, &logs); status != PAXECT_PLUGIN_OK) return status;
  Stats stats;
  for (const OpenLog& log : open_with_rotated(logs, &stats.passed_over)) {
    stats.logs.push_back(log.path);
    Status status = read_log(
        log, 0,
        [&](const LogLine& line) {
          stats.add(line);
          return true;
        },
        &stats.count);
    if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  }
  if (call.arguments().json)
    print_json(stats, &call.console());
  else
    print_text(stats, &call.console());
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link
