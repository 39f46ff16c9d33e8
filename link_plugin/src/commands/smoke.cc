#include "commands/smoke.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>
#include <string_view>

#include "base/child_process.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/filesystem.h"
#include "commands/console.h"
#include "commands/log_reader.h"
#include "commands/scratch.h"
#include "stages/codec.h"
#include "stages/external_core.h"

namespace paxect::link {
namespace {

constexpr std::size_t kSampleSize = std::size_t{1} << 20;
constexpr std::size_t kReadLimit = 4 * kSampleSize;
// The lock of a relay that died: no process has a number above PID_MAX_LIMIT (linux/threads.h).
constexpr const char* kStaleLock = "4194305\n";

struct Sample {
  std::string name;
  std::string stem;  // what it is called when it comes out
  std::string contents;
};

// The same at every run: nothing, what compresses, and what does not.
std::vector<Sample> samples() {
  std::string lines;
  for (std::size_t i = 0; lines.size() < kSampleSize; ++i)
    lines += "line " + std::to_string(i) + " of a file that is sent to see whether it comes out the same\n";
  std::string noise;
  for (std::uint64_t state = 0x9e3779b97f4a7c15; noise.size() < kSampleSize;) {
    // xorshift64 (Marsaglia, 2003)
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    noise += static_cast<char>(state >> 56);
  }
  return {{"empty.json", "empty", ""}, {"lines.txt", "lines", lines}, {"noise.bin", "noise", noise}};
}

Status failed(const std::string& message) { return Status::refused("smoke", message); }

Status create(const std::string& path, UniqueFd* out) {
  out->reset(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return *out ? Status::success() : io_failure("create", path, errno);
}

Status write_new(const std::string& path, std::string_view contents) {
  UniqueFd fd;
  if (Status status = create(path, &fd); !status.ok()) return status;
  return write_all(fd.get(), contents.data(), contents.size(), path);
}

// ---- the core ------------------------------------------------------------------------------------------

class CoreTrial {
 public:
  CoreTrial(const SmokePlan& plan, const Host& host, const ScratchDirectory& scratch)
      : plan_(plan), host_(host), scratch_(scratch), codec_([this] { return is_late(); }) {}

  Status run(const Sample& sample) {
    const std::string original = scratch_ / sample.name;
    const std::string container = original + ".freq";
    Status status = write_new(original, sample.contents);
    if (status.ok()) status = convert("encode", original, container);
    if (status.ok()) status = convert("encode", original, original + ".again");
    if (status.ok())
      status = expect_same(container, original + ".again", "encoded twice, the containers differ");
    if (status.ok()) status = convert("decode", container, original + ".back");
    if (status.ok()) status = expect_same(original, original + ".back", "decoded, it is not the same");
    if (status.ok()) status = expect_refusal(original, container);
    return status;
  }

 private:
  bool is_late() const { return scratch_.interrupted() || host_.monotonic_ns() >= deadline_ns_; }

  Status convert(const std::string& verb, const std::string& from, const std::string& to) {
    deadline_ns_ = host_.monotonic_ns() + plan_.patience_ns;
    Status status = plan_.core.command.empty() ? convert_inside(verb == "encode", from, to)
                                               : run_external_core({.core = plan_.core,
                                                                    .verb = verb,
                                                                    .input = from,
                                                                    .output = to,
                                                                    .event = "smoke",
                                                                    .stop = codec_.stop()});
    if (status.fault != Fault::kStopped) return status;
    return Status::stopped(verb + " was not done after " + seconds_text(plan_.patience_ns) + " s");
  }

  Status convert_inside(bool encode, const std::string& from, const std::string& to) {
    UniqueFd source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) return io_failure("open", from, errno);
    UniqueFd target;
    if (Status status = create(to, &target); !status.ok()) return status;
    auto write = [&](const void* data, std::size_t size) { return write_all(target.get(), data, size, to); };
    std::uint64_t size = stat_fd(source.get()).identity.size;
    Codec::Result result;
    return encode ? codec_.encode(source.get(), from, size, write, &result)
                  : codec_.decode(source.get(), from, size, UINT64_MAX, write, &result);
  }

  static Status expect_same(const std::string& one, const std::string& other, const std::string& complaint) {
    std::string first;
    std::string second;
    Status status = read_file(one, kReadLimit, &first);
    if (status.ok()) status = read_file(other, kReadLimit, &second);
    return status.ok() && first != second ? failed(complaint) : status;
  }

  // One bit is turned over in the middle of a frame.
  Status expect_refusal(const std::string& original, const std::string& container) {
    std::string bytes;
    if (Status status = read_file(container, kReadLimit, &bytes); !status.ok()) return status;
    if (bytes.empty()) return failed("the container is empty");
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    Status status = write_new(original + ".damaged", bytes);
    if (!status.ok()) return status;
    status = convert("decode", original + ".damaged", original + ".taken");
    if (status.ok()) return failed("a damaged container was accepted");
    bool refused = status.fault == Fault::kIntegrity || status.fault == Fault::kRefused;
    return refused ? Status::success() : status;
  }

  const SmokePlan& plan_;
  const Host& host_;
  const ScratchDirectory& scratch_;
  std::uint64_t deadline_ns_ = 0;
  Codec codec_;
};

void try_core(const SmokePlan& plan, const Host& host, const ScratchDirectory& scratch, TestCase* outcome) {
  CoreTrial trial(plan, host, scratch);
  for (const Sample& sample : samples()) {
    if (Status status = trial.run(sample); !status.ok()) {
      outcome->failure = sample.name + ": " + shown(status.message);
      outcome->detail = sample.name + ": " + status.message;
      return;
    }
  }
}

// ---- the relay -----------------------------------------------------------------------------------------

// The settings reach the relay by --set alone.
std::vector<std::string> environment_without_ours() {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each)
    if (!std::string_view(*each).starts_with("PAXECT_")) variables.emplace_back(*each);
  return variables;
}

// The relay finds files that wait and the lock of a relay that died; it must take them, deliver, and leave
// no lock.
class RelayTrial {
 public:
  RelayTrial(const SmokePlan& plan, const ScratchDirectory& scratch) : plan_(plan), scratch_(scratch) {}

  Status lay_out() {
    Status status = make_directories(scratch_ / "inbox");
    if (status.ok()) status = write_new(scratch_ / "paxect.conf", "[link]\n");
    if (status.ok()) status = write_new(scratch_ / "lock", kStaleLock);
    for (const Sample& sample : samples_)
      if (status.ok()) status = write_new(scratch_ / ("inbox/" + sample.name), sample.contents);
    return status;
  }

  Child child() const {
    Child child{.words = {plan_.host_program, "run", "--once", "-c", scratch_ / "paxect.conf", "--plugin-dir",
                          plan_.plugin_directory},
                .stop_signal = SIGTERM,
                .environment = environment_without_ours()};
    auto set = [&](const std::string& key, const std::string& value) {
      child.words.insert(child.words.end(), {"--set", "link." + key + "=" + value});
    };
    for (const char* path : {"inbox", "outbox", "policy", "manifest", "log", "lock"})
      set(path, scratch_ / path);
    set("node", plan_.node);
    set("settle_ms", "20");
    set("core", plan_.core.command.empty() ? "builtin" : plan_.core.line);
    return child;
  }

  // Everything that is not as it should be after a run, the most specific first.
  std::vector<std::string> problems(const ChildEnd& end) const {
    std::vector<std::string> found;
    if (end.stopped)
      found.push_back("the relay was not done after " + seconds_text(plan_.patience_ns) + " s");
    if (!end.stopped && end.status != 0) {
      std::string last = end.said.substr(end.said.rfind('\n') + 1);
      found.push_back("the relay ended with status " + std::to_string(end.status) +
                      (last.empty() ? "" : ": " + last));
    }
    for (const Sample& sample : samples_)
      if (std::string problem = problem_of(sample); !problem.empty()) found.push_back(problem);
    if (FileIdentity ignored; identity_of(scratch_ / "lock", &ignored))
      found.emplace_back("the relay left its lock behind");
    return found;
  }

 private:
  std::string problem_of(const Sample& sample) const {
    std::string contents;
    Status status = read_file(scratch_ / ("outbox/" + sample.stem), kReadLimit, &contents);
    if (!status.ok()) return sample.name + " did not arrive: " + status.message;
    if (contents != sample.contents) return sample.name + " arrived, but is not the same";
    if (FileIdentity ignored; identity_of(scratch_ / ("inbox/" + sample.name), &ignored))
      return sample.name + " arrived, but is still in the inbox";
    const std::string digest = "sha256=" + sha256_hex(sample.contents);
    bool is_logged = false;
    LogCount count;
    status = read_log(
        scratch_ / "log", 0,
        [&](const LogLine& line) {
          is_logged = line.event == "decode" && line.message.find(digest) != std::string::npos;
          return !is_logged;
        },
        &count);
    return is_logged ? "" : sample.name + " arrived, but the audit log does not say so " + status.message;
  }

  const SmokePlan& plan_;
  const ScratchDirectory& scratch_;
  const std::vector<Sample> samples_ = samples();
};

void try_relay(const SmokePlan& plan, const Host& host, const ScratchDirectory& scratch, TestCase* outcome) {
  RelayTrial trial(plan, scratch);
  ChildEnd end;
  Status status = trial.lay_out();
  if (status.ok()) {
    Child child = trial.child();
    std::uint64_t deadline = host.monotonic_ns() + plan.patience_ns;
    child.stop = [&] { return scratch.interrupted() || host.monotonic_ns() >= deadline; };
    status = run_child(child, &end);
  }
  std::vector<std::string> problems =
      status.ok() ? trial.problems(end) : std::vector<std::string>{status.message};
  if (problems.empty()) return;
  outcome->failure = shown(problems.front());
  for (const std::string& problem : problems) outcome->detail += problem + "\n";
  if (!end.said.empty()) outcome->detail += "the relay said:\n" + end.said + "\n";
}

}  // namespace

std::vector<TestCase> run_smoke(const SmokePlan& plan, const Host& host) {
  using Trial = void (*)(const SmokePlan&, const Host&, const ScratchDirectory&, TestCase*);
  constexpr Trial kTrials[] = {try_core, try_relay};
  static_assert(std::size(kTrials) == std::size(kSmokeCases));
  std::vector<TestCase> outcomes;
  for (std::size_t i = 0; i < std::size(kSmokeCases); ++i) {
    TestCase outcome{.name = kSmokeCases[i]};
    std::uint64_t begin = host.monotonic_ns();
    ScratchDirectory scratch;
    if (Status status = scratch.open(plan.parent, "smoke"); status.ok())
      kTrials[i](plan, host, scratch, &outcome);
    else
      outcome.failure = shown(status.message);
    outcome.nanoseconds = host.monotonic_ns() - begin;
    outcomes.push_back(outcome);
  }
  return outcomes;
}

}  // namespace paxect::link
