#include <iostream>
#include <memory>
#include <sstream>

#include "command.h"
#include "copies.h"
#include "output_file.h"
#include "salvage_report.h"
#include "signals.h"
#include "summary.h"

namespace paxect::tool {
namespace {

struct FreeSalvager {
  void operator()(paxect_salvager* salvager) const { paxect_salvager_free(salvager); }
};
using Salvager = std::unique_ptr<paxect_salvager, FreeSalvager>;

// The report, which is opened before the work so that a name that cannot be written costs none.
class ReportFile {
 public:
  Outcome open(const std::string& path, const std::string& output, const Copies& copies) {
    path_ = path;
    if (path.empty()) return {};
    std::vector<core::FileIdentity> inputs = copies.identities();
    std::vector<core::FileIdentity> outputs;
    core::OutputTarget data;
    if (data.find(output).ok()) outputs.push_back(data.identity());
    return outcome_of(file_.open(path, {.inputs = inputs, .outputs = outputs}, &stopped));
  }
  Outcome write(const std::string& report) {
    core::Status status = file_.write(report.data(), report.size(), &stopped);
    return outcome_of(status.ok() ? file_.commit(false) : status);
  }
  bool wanted() const { return !path_.empty(); }

 private:
  static bool stopped() { return stop_requested() != 0; }
  static Outcome outcome_of(const core::Status& status) { return {status.code, status.message}; }

  std::string path_;
  core::OutputFile file_;
};

// Prints why the output is not the proven data.
void report_loss(const paxect_salvager* salvager, const SalvageJob& job) {
  if (job.status != PAXECT_ERROR_PARTIAL) return;
  const paxect_salvage_report report = salvage_report(salvager);
  std::string line = paxect_salvager_error_message(salvager);
  if (report.lost != 0) line += " (" + std::to_string(report.lost_size) + " bytes)";
  if (report.unconfirmed != 0)
    line += ", " + std::to_string(report.unconfirmed) + " decompressed but not confirmed by a CRC-32";
  complain(job.output + ": " + line);
}

// Prints what the exit status alone does not say.
void report_findings(const paxect_salvager* salvager, const SalvageJob& job) {
  paxect_salvage_report report = salvage_report(salvager);
  for (std::size_t i = 0; i < job.inputs.size() && job.status != PAXECT_ERROR_NOTHING; ++i) {
    paxect_salvage_input input = salvage_input(salvager, i);
    if (input.used != 0) continue;
    bool found = input.header != 0 || input.confirmed + input.unconfirmed + input.ruined != 0;
    complain(shown_name(job.inputs[i]) +
             (found ? ": left out: it is not a copy of the same container as the others"
                    : ": left out: nothing of a container was found in it"));
  }
  if (report.over_limit != 0)
    complain(std::to_string(report.over_limit) +
             " frames are larger than the limit: raise it with --max-frame");
  if (report.foreign_input >= 0)
    complain(shown_name(job.inputs[static_cast<std::size_t>(report.foreign_input)]) +
             ": another container or a part of one is at offset " + std::to_string(report.foreign_offset) +
             ": its data is not in the output");
}

// The exit status for writing the report.
int give_report(const paxect_salvager* salvager, const SalvageJob& job, ReportFile& file, bool json) {
  if (json) write_salvage_report(summary_stream({"salvage", "", job.output}), salvager, job);
  if (!file.wanted()) return kExitOk;
  std::ostringstream report;
  write_salvage_report(report, salvager, job);
  std::cout.flush();
  return conclude(file.write(report.str()), job.output);
}

// For a failure of a copy or of the output, after which there is nothing to report.
int fail_salvage(const Outcome& ended, const SalvageJob& job, bool json) {
  int code = conclude(ended, job.output);
  if (json) write_salvage_failure(summary_stream({"salvage", "", job.output}), ended, job);
  return code;
}

Salvager make_salvager(const po::variables_map& values, const std::string& fill) {
  paxect_salvager* made = nullptr;
  if (paxect_salvager_create(nullptr, &made) != PAXECT_OK) throw std::bad_alloc();
  Salvager salvager(made);
  if (fill != "zero" && fill != "skip")
    throw UsageError{"--fill cannot be '" + fill + "': give zero or skip"};
  paxect_salvager_set_parameter(made, PAXECT_PARAM_FILL,
                                fill == "zero" ? PAXECT_FILL_ZERO : PAXECT_FILL_SKIP);
  paxect_salvager_set_parameter(made, PAXECT_PARAM_SYNC, values.count("sync") != 0 ? 1 : 0);
  paxect_salvager_set_parameter(made, PAXECT_PARAM_KEEP_ATTRIBUTES,
                                values.count("no-attributes") != 0 ? 0 : 1);
  if (values.count("max-frame") != 0) {
    auto limit = number("max-frame", values["max-frame"].as<std::string>(), PAXECT_PARAM_MAX_FRAME);
    paxect_salvager_set_parameter(made, PAXECT_PARAM_MAX_FRAME, limit);
  }
  return salvager;
}

}  // namespace

int run_salvage(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  auto text = [] { return po::value<std::string>(); };
  options.add_options()("output,o", text()->value_name("FILE"), "the output file; - is standard output")(
      "report", text()->value_name("FILE"), "write a report as JSON; - is standard output")(
      "fill", text()->default_value("zero")->value_name("zero|skip"), "what replaces lost data")(
      "max-frame", text()->value_name("BYTES"), "skip frames with more data; default: 1 GiB")(
      "no-attributes", "do not give the output the modification time and permissions of the damaged files")(
      "sync", "flush the output to disk before returning");
  add_talk_options(options, "print the report");
  po::variables_map values;
  SalvageJob job;
  if (!parse(command, options, arguments, values, &job.inputs)) return kExitOk;
  if (job.inputs.empty()) throw UsageError{"salvage: give the damaged files"};
  if (values.count("output") == 0) throw UsageError{"salvage: give the output with -o; - is standard output"};
  Talk talk = read_talk(values);
  auto fill = values["fill"].as<std::string>();
  Salvager salvager = make_salvager(values, fill);
  job.fill_zero = fill == "zero";
  job.output = values["output"].as<std::string>();
  auto report = values.count("report") != 0 ? values["report"].as<std::string>() : std::string();
  for (const std::string& file : {job.output, report})
    if (Outcome refused = check_summary(file, talk); refused.status != PAXECT_OK)
      return fail_salvage(refused, job, talk.json);
  Copies copies;
  Outcome added = copies.open(job.inputs, [&](int fd, const std::string& name) -> Outcome {
    paxect_status status = paxect_salvager_add_fd(salvager.get(), fd, name.c_str());
    return {status, paxect_salvager_error_message(salvager.get())};
  });
  if (added.status != PAXECT_OK) return fail_salvage(added, job, talk.json);
  ReportFile report_file;
  if (Outcome opened = report_file.open(report, job.output, copies); opened.status != PAXECT_OK)
    return fail_salvage(opened, job, talk.json);

  Progress progress(talk.progress, shown_name(job.output), 2 * total_size(job.inputs));
  paxect_salvager_set_progress(salvager.get(), Progress::callback, &progress);
  job.status = paxect_salvager_run_path(salvager.get(), job.output.c_str());
  progress.erase();
  job.seconds = progress.seconds();
  Outcome ended{job.status, paxect_salvager_error_message(salvager.get()), 0, 0};
  bool searched =
      job.status == PAXECT_OK || job.status == PAXECT_ERROR_PARTIAL || job.status == PAXECT_ERROR_NOTHING;
  if (!searched) return fail_salvage(ended, job, talk.json);
  if (job.status == PAXECT_ERROR_NOTHING) complain(ended.message);
  if (!talk.quiet) report_findings(salvager.get(), job);
  if (!talk.quiet || !talk.json) report_loss(salvager.get(), job);  // the report has it too
  warn(ended, talk);
  if (int failed = give_report(salvager.get(), job, report_file, talk.json)) return failed;
  return paxect_status_exit_code(job.status);
}

}  // namespace paxect::tool
