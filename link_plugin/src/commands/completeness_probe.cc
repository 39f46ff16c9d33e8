#include "commands/completeness_probe.h"

#include <unistd.h>

#include <string>
#include <tuple>

#include "base/clock.h"
#include "base/completeness.h"
#include "base/read_lease.h"
#include "stages/watcher.h"

namespace paxect::link {
namespace {

using Verdict = Finding::Verdict;

constexpr const char* kName = "complete";

// Whether the relay's judgement follows an open writer by leases alone, and finds the file complete at once
// when it is closed.
bool follows_writer(const ProbeDirectory& place) {
  auto never = [](const std::string&) { return false; };
  // No age is enough: a lease or nothing.
  Completeness completeness(UINT64_MAX, {.is_written = never, .may_be_open = never});
  auto judge = [&] {
    return completeness
        .judge(place.directory(), kName, kName, place.directory().stat_of(kName).identity, false)
        .progress;
  };
  UniqueFd writer = place.file(kName);
  if (!writer || pwrite(writer.get(), "x", 1, 0) != 1) return false;
  if (judge() != Progress::kWritten) return false;
  writer.reset();
  return judge() == Progress::kComplete;
}

// Whether events show that a file is open for writing, and that it is closed.
bool watches_writer(const ProbeDirectory& place) {
  Watcher watcher;
  if (!watcher.open(false)) return false;
  watcher.watch(place.directory(), "");
  bool arrived = false;
  auto drain = [&] {
    watcher.read([&](const std::string&, const std::string& name) { arrived = arrived || name == kName; });
  };
  std::ignore = place.directory().remove(kName);
  UniqueFd writer = place.file(kName);
  if (!writer || pwrite(writer.get(), "x", 1, 0) != 1) return false;
  drain();
  // With leases on all files the relay does not ask for these events.
  const bool is_written = watcher.is_written(kName) || may_lease_every_file();
  writer.reset();
  drain();
  return is_written && arrived && !watcher.is_written(kName);
}

}  // namespace

Finding probe_completeness(const ProbeDirectory& place, std::uint64_t settle_ns) {
  const std::string what = "complete files";
  const std::string settle = std::to_string(settle_ns / kMillisecond) + " ms";
  const bool leases = follows_writer(place);
  const bool events = watches_writer(place);
  const bool is_local = place.directory().is_local();
  if (leases && may_lease_every_file())
    return {what, Verdict::kHolds, "proved by a read lease, for the files of every user",
            "a file is taken as soon as no process has it open for writing"};
  const std::string others =
      events && is_local ? "inotify and the settle time of " + settle
                         : "the settle time of " + settle + (events ? ", and inotify for writers here" : "");
  if (leases)
    return {what, Verdict::kPartly,
            "proved by a read lease, for files of this user (" + std::to_string(geteuid()) +
                "); those of others by " + others,
            "a file of another user that is written slower than that may be taken too early: give the relay "
            "CAP_LEASE, or have it renamed into the inbox when it is complete"};
  return {what, Verdict::kPartly, "no read leases: by " + others,
          "a file that is written slower than that may be taken too early: have it renamed into the inbox "
          "when it is complete"};
}

}  // namespace paxect::link
