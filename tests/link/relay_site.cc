#include "link/relay_site.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>

#include "base/digest.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

void flush(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  fsync(fd);  // may fail: the test pulls the plug
  close(fd);
}

}  // namespace

bool is_long() { return std::getenv("PAXECT_TEST_LONG") != nullptr; }

bool has_strace() {
  static const bool kWorks =
      run({.argv = {"sh", "-c", "strace -f -o /dev/null -e trace=none true"}}).status == 0;
  if (!kWorks) WARN("skipped: strace cannot trace here");
  return kWorks;
}

bool has_bindfs() {
  static const bool kWorks = [] {
    TempDir directory;
    std::filesystem::create_directory(directory / "from");
    std::filesystem::create_directory(directory / "to");
    const bool works = run({.argv = {"bindfs", directory / "from", directory / "to"}}).status == 0;
    if (works) run({.argv = {"fusermount", "-u", directory / "to"}});
    return works;
  }();
  if (!kWorks) skip("bindfs cannot mount here");
  return kWorks;
}

RelaySite::RelaySite() : directory_(own_.path()) { std::filesystem::create_directories(path("inbox")); }

RelaySite::RelaySite(const std::string& directory) : directory_(directory) {
  std::filesystem::create_directories(path("inbox"));
}

std::vector<std::string> RelaySite::relay(const std::vector<std::string>& more) const {
  std::vector<std::string> argv = {PAXECT_TEST_BIN "/paxect", "run"};
  for (const char* setting : {"link.settle_ms=0", "link.backoff_sec=0.02", "link.poll_sec=0.05"})
    argv.insert(argv.end(), {"--set", setting});
  argv.insert(argv.end(), more.begin(), more.end());
  return argv;
}

Command RelaySite::command(const std::vector<std::string>& more, const std::vector<std::string>& wrap) const {
  std::vector<std::string> argv = wrap;
  for (const std::string& word : relay(more)) argv.push_back(word);
  Command command{.argv = argv, .directory = directory_, .failing = failing};
  // LeakSanitizer wants to trace the process itself, and fails it where strace does.
  if (!wrap.empty()) command.environment = {"ASAN_OPTIONS=detect_leaks=0"};
  return command;
}

void RelaySite::put_as(const std::string& stem, const std::string& suffix, const std::string& contents,
                       bool durable) {
  std::string hidden = path("inbox/." + stem + suffix);
  expect(stem, contents);  // before the rename: a digest of much takes as long as its delivery
  write_file(hidden, contents);
  if (durable) flush(hidden);
  std::filesystem::rename(hidden, path("inbox/" + stem + suffix));
  if (durable) flush(path("inbox"));
}

void RelaySite::expect(const std::string& stem, const std::string& contents) {
  taken_.try_emplace({stem, link::sha256_hex(contents)}, 0);
}

void RelaySite::receive(bool take) {
  if (!exists(path("outbox"))) return;
  for (const std::string& name : list(path("outbox"))) {
    if (name.front() == '.') continue;
    INFO("delivered: " << name);
    std::string digest = link::sha256_hex(read_file(path("outbox/" + name)));
    auto known = taken_.find({name, digest});
    if (std::string end = "." + digest.substr(0, 8); known == taken_.end() && name.ends_with(end))
      known = taken_.find({name.substr(0, name.size() - end.size()), digest});
    REQUIRE((known != taken_.end()));
    if (!take) continue;
    std::filesystem::remove(path("outbox/" + name));
    ++known->second;
  }
}

std::string RelaySite::log() const {
  std::string text;
  for (const std::string& name : list(directory_))
    if (name.starts_with("paxect_link_log.")) text += read_file(path(name));
  return text;
}

void RelaySite::converges(bool take, const std::vector<std::string>& wrap) {
  receive(take);
  Result result{};
  for (int attempt = 0; attempt < 5; ++attempt) {
    result = run(command({"--once"}, wrap));
    receive(take);
    if (result.status == 0) break;
  }
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(list(path("inbox")).empty());
  CHECK(list(path("outbox")).size() == (take ? 0 : taken_.size()));
  std::set<std::string> lines;  // NAME sha256=DIGEST
  static const std::regex kDelivery(
      "\"dst\": \"[^\"]*outbox/([^\"]*)\", \"status\": \"ok\", \"message\": \"(sha256=[0-9a-f]*)\"");
  const std::string text = log();
  for (std::sregex_iterator line(text.begin(), text.end(), kDelivery), end; line != end; ++line)
    lines.insert((*line)[1].str() + " " + (*line)[2].str());
  for (const auto& [key, times] : taken_) {
    const auto& [stem, digest] = key;
    INFO(stem);
    CHECK(times == (take ? 1 : 0));
    CHECK(lines.count(stem + " sha256=" + digest) +
              lines.count(stem + "." + digest.substr(0, 8) + " sha256=" + digest) >
          0);
  }
}

}  // namespace paxect::test
