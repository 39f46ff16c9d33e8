#include "salvage_report.h"

#include "summary.h"

namespace paxect::tool {
namespace {

void add_input_number(JsonLine& line, const char* key, std::int32_t number) {
  if (number < 0)
    line.add_null(key);
  else
    line.add(key, static_cast<int>(number));
}

void add_inputs(JsonLine& line, const paxect_salvager* salvager, const std::vector<std::string>& names) {
  line.begin_array("inputs");
  for (std::size_t i = 0; i < names.size(); ++i) {
    paxect_salvage_input input = salvage_input(salvager, i);
    line.begin_object();
    line.add("name", names[i]);
    line.add("size", input.size);
    line.add("used", input.used != 0);
    line.add("header", input.header != 0);
    line.add("frames_confirmed", input.confirmed);
    line.add("frames_unconfirmed", input.unconfirmed);
    line.add("frames_ruined", input.ruined);
    line.add("bytes_unreadable", input.unreadable);
    line.end_object();
  }
  line.end_array();
}

struct Ranges {
  JsonLine& line;
  std::uint32_t kind;

  static std::int32_t add_one(void* opaque, const paxect_salvage_range* range) {
    auto& self = *static_cast<Ranges*>(opaque);
    if (range->kind != self.kind) return 0;
    self.line.begin_object();
    self.line.add("start", range->start);
    if (range->end == UINT64_MAX)
      self.line.add_null("end");
    else
      self.line.add("end", range->end);
    self.line.add("frames", range->frames);
    self.line.add("exact", range->exact != 0);
    self.line.end_object();
    return 0;
  }
};

void add_ranges(JsonLine& line, const paxect_salvager* salvager, const char* key, std::uint32_t kind) {
  line.begin_array(key);
  Ranges ranges{line, kind};
  paxect_salvager_each_range(salvager, &Ranges::add_one, &ranges);
  line.end_array();
}

}  // namespace

paxect_salvage_report salvage_report(const paxect_salvager* salvager) {
  paxect_salvage_report report{};
  report.struct_size = sizeof report;
  paxect_salvager_report(salvager, &report);
  return report;
}

paxect_salvage_input salvage_input(const paxect_salvager* salvager, std::size_t number) {
  paxect_salvage_input input{};
  input.struct_size = sizeof input;
  paxect_salvager_input(salvager, static_cast<std::uint32_t>(number), &input);
  return input;
}

void write_salvage_report(std::ostream& out, const paxect_salvager* salvager, const SalvageJob& job) {
  paxect_salvage_report report = salvage_report(salvager);
  JsonLine line(out);
  line.add("command", "salvage");
  line.add("output", job.output);
  line.add("seconds", job.seconds);
  line.add("exit_status", paxect_status_exit_code(job.status));
  line.add("proven", report.proven != 0);
  line.add("sha256", hex(report.sha256, sizeof report.sha256));
  line.add("size", report.size);
  line.add("size_known", report.size_known != 0);
  line.add("fill", job.fill_zero ? "zero" : "skip");
  line.add("bytes_written", report.written);
  line.add("bytes_lost", report.lost_size);
  line.add("frames", report.frames);
  line.add("frames_confirmed", report.confirmed);
  line.add("frames_unconfirmed", report.unconfirmed);
  line.add("frames_lost", report.lost);
  line.add("frames_over_limit", report.over_limit);
  add_ranges(line, salvager, "lost", PAXECT_RANGE_LOST);
  add_ranges(line, salvager, "unconfirmed", PAXECT_RANGE_UNCONFIRMED);
  line.begin_object("header");
  line.add("state", report.header_input >= 0 ? "found" : "rebuilt");
  add_input_number(line, "input", report.header_input);
  line.add("frame_size", std::uint64_t{report.frame_size});
  line.add("channels", std::uint64_t{report.channels});
  line.end_object();
  line.begin_object("footer");
  line.add("state", report.footer_input >= 0 ? "found" : "lost");
  add_input_number(line, "input", report.footer_input);
  line.end_object();
  line.begin_object("foreign");
  line.add("frames", report.foreign);
  add_input_number(line, "input", report.foreign_input);
  if (report.foreign_input < 0)
    line.add_null("offset");
  else
    line.add("offset", report.foreign_offset);
  line.end_object();
  line.add("contested", report.contested != 0);
  line.add("search_limited", report.limited != 0);
  add_inputs(line, salvager, job.inputs);
}

void write_salvage_failure(std::ostream& out, const Outcome& ended, const SalvageJob& job) {
  JsonLine line(out);
  line.add("command", "salvage");
  line.add("output", job.output);
  line.add("seconds", job.seconds);
  line.add_outcome(ended);
}

}  // namespace paxect::tool
