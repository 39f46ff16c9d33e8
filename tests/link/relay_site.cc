#include "link/relay_site.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "digest.h"
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

void RelaySite::put(const std::string& stem, const std::string& contents, bool durable) {
  std::string hidden = path("inbox/." + stem);
  write_file(hidden, contents);
  if (durable) flush(hidden);
  std::filesystem::rename(hidden, path("inbox/" + stem + ".txt"));
  if (durable) flush(path("inbox"));
  expected_[stem] = contents;
}

void RelaySite::receive(bool take) {
  if (!exists(path("outbox"))) return;
  for (const std::string& name : list(path("outbox"))) {
    if (name.front() == '.') continue;
    INFO("delivered: " << name);
    REQUIRE(expected_.count(name) == 1);
    REQUIRE((read_file(path("outbox/" + name)) == expected_[name]));
    if (!take) continue;
    std::filesystem::remove(path("outbox/" + name));
    ++taken_[name];
  }
}

void RelaySite::converges(bool take, const std::vector<std::string>& wrap) {
  receive(take);
  std::vector<std::string> argv = wrap;
  for (const std::string& word : relay({"--once"})) argv.push_back(word);
  Result result{};
  for (int attempt = 0; attempt < 5; ++attempt) {
    result = run({.argv = argv, .directory = directory_});
    receive(take);
    if (result.status == 0) break;
  }
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(list(path("inbox")).empty());
  CHECK(list(path("outbox")).size() == (take ? 0 : expected_.size()));
  if (take) CHECK(taken_.size() == expected_.size());
  std::string log = read_file(path("paxect_link_log.jsonl"));
  for (const auto& [name, contents] : expected_) {
    INFO(name);
    CHECK(taken_[name] == (take ? 1 : 0));
    std::string line =
        "outbox/" + name + "\", \"status\": \"ok\", \"message\": \"sha256=" + link::sha256_hex(contents);
    CHECK(log.find(line) != std::string::npos);
  }
}

}  // namespace paxect::test
