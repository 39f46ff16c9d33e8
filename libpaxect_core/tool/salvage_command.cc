#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <memory>
#include <sstream>
#include <system_error>

#include "command.h"
#include "salvage_report.h"
#include "summary.h"

namespace paxect::tool {
namespace {

struct FreeSalvager {
  void operator()(paxect_salvager* salvager) const { paxect_salvager_free(salvager); }
};
using Salvager = std::unique_ptr<paxect_salvager, FreeSalvager>;

// The damaged copies, open as long as the salvage lasts.
class Copies {
 public:
  Copies() = default;
  ~Copies() {
    for (int fd : fds_) close(fd);
  }
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  Outcome add_to(paxect_salvager* salvager, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      int fd = open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
      if (fd < 0)
        return {PAXECT_ERROR_OPEN, name + ": cannot open: " + std::generic_category().message(errno)};
      fds_.push_back(fd);
      paxect_status status = paxect_salvager_add_fd(salvager, fd, name.c_str());
      if (status != PAXECT_OK) return {status, paxect_salvager_error_message(salvager)};
    }
    return {};
  }
  bool contain(const std::string& path) const {
    struct stat there {};
    if (stat(path.c_str(), &there) != 0) return false;
    for (int fd : fds_) {
      struct stat copy {};
      if (fstat(fd, &copy) == 0 && copy.st_dev == there.st_dev && copy.st_ino == there.st_ino) return true;
    }
    return false;
  }

 private:
  std::vector<int> fds_;
};

bool write_all(int fd, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    ssize_t put = write(fd, text.data() + at, text.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    at += static_cast<std::size_t>(put);
  }
  return true;
}

// The report appears complete or not at all, as the data does.
bool write_report(const std::string& path, const std::string& report) {
  if (path == "-") return !!(std::cout << report << std::flush);
  std::string part = path + ".XXXXXX";
  int fd = mkstemp(part.data());
  bool made = fd >= 0;
  mode_t mask = umask(0);
  umask(mask);
  bool good = made && fchmod(fd, 0666 & ~mask) == 0 && write_all(fd, report);
  int error = errno;
  if (made && close(fd) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && rename(part.c_str(), path.c_str()) != 0) {
    good = false;
    error = errno;
  }
  if (good) return true;
  if (made) unlink(part.c_str());
  complain(path + ": cannot write: " + std::generic_category().message(error));
  return false;
}

// What the user should know besides the exit status.
void tell(const paxect_salvager* salvager, const SalvageJob& job) {
  paxect_salvage_report report = salvage_report(salvager);
  for (std::size_t i = 0; i < job.inputs.size(); ++i)
    if (salvage_input(salvager, i).used == 0)
      complain(job.inputs[i] + ": left out: it is no copy of the same container as the others");
  if (report.over_limit != 0)
    complain(std::to_string(report.over_limit) + " frames are above the limit: --max-frame lifts it");
  if (job.status != PAXECT_ERROR_PARTIAL) return;
  std::string line = paxect_salvager_error_message(salvager);
  if (report.lost != 0) line += " (" + std::to_string(report.lost_size) + " bytes)";
  if (report.unconfirmed != 0)
    line += ", " + std::to_string(report.unconfirmed) + " decompressed but not confirmed by a CRC-32";
  complain(job.output + ": " + line);
}

// Errors have been complained about when it is false.
bool give_report(const paxect_salvager* salvager, const SalvageJob& job, const std::string& path, bool json) {
  if (json) write_salvage_report(summary_stream({"salvage", "", job.output}), salvager, job);
  if (path.empty()) return true;
  std::ostringstream report;
  write_salvage_report(report, salvager, job);
  return write_report(path, report.str());
}

// There is nothing to report: a copy, or the output, failed.
int give_up(const Outcome& ended, const SalvageJob& job, bool json) {
  int code = conclude(ended, job.output);
  if (json) write_salvage_failure(summary_stream({"salvage", "", job.output}), ended, job);
  return code;
}

std::uint64_t total_size(const std::vector<std::string>& files) {
  std::uint64_t total = 0;
  for (const std::string& file : files) total += file_size(file);
  return total;
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
  options.add_options()("output,o", text()->value_name("FILE"), "where the data goes; - is standard output")(
      "report", text()->value_name("FILE"), "write a report as JSON; - is standard output")(
      "fill", text()->default_value("zero")->value_name("zero|skip"), "what stands where data is lost")(
      "max-frame", text()->value_name("BYTES"), "pass over frames of more data; default: 1 GiB")(
      "sync", "make the output durable before returning");
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
  if (!report.empty() && report == job.output) throw UsageError{"--report and -o cannot be the same"};
  Copies copies;
  if (Outcome added = copies.add_to(salvager.get(), job.inputs); added.status != PAXECT_OK)
    return give_up(added, job, talk.json);
  if (copies.contain(report)) throw UsageError{"--report would replace a damaged copy"};

  Progress progress(talk.progress, shown_name(job.output), 2 * total_size(job.inputs));
  paxect_salvager_set_progress(salvager.get(), Progress::callback, &progress);
  job.status = paxect_salvager_run_path(salvager.get(), job.output.c_str());
  progress.erase();
  job.seconds = progress.seconds();
  Outcome ended{job.status, paxect_salvager_error_message(salvager.get()), 0, 0};
  bool searched =
      job.status == PAXECT_OK || job.status == PAXECT_ERROR_PARTIAL || job.status == PAXECT_ERROR_NOTHING;
  if (!searched) return give_up(ended, job, talk.json);
  if (job.status == PAXECT_ERROR_NOTHING) complain(ended.message);
  if (!talk.quiet) tell(salvager.get(), job);
  if (!give_report(salvager.get(), job, report, talk.json)) return kExitFile;
  return paxect_status_exit_code(job.status);
}

}  // namespace paxect::tool
