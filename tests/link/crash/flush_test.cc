// Every delivered byte is flushed through to the disk before its audit line, whatever the file system does
// with the calls that flush.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

constexpr int kFiles = 20;  // more than are flushed one by one

const std::vector<std::string> kSend = {"--set", "link.mode=send", "--once"};

void put_many(RelaySite& site) {
  for (int i = 0; i < kFiles; ++i)
    site.put("f" + std::to_string(i), text(3000, static_cast<std::uint32_t>(i)));
}

// A directory seen through a file system in user space, whose server is traced.
class TracedMount {
 public:
  TracedMount(const std::string& disk, const std::string& at, const std::string& trace)
      : at_(at),
        server_({.argv = {"strace", "-f", "-ttt", "-y", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync",
                          "bindfs", "-f", disk, at},
                 .environment = {"ASAN_OPTIONS=detect_leaks=0"}}) {}
  ~TracedMount() { run({.argv = {"fusermount", "-u", "-z", at_}}); }
  TracedMount(const TracedMount&) = delete;
  TracedMount& operator=(const TracedMount&) = delete;

  // Once the server serves it; false when that never comes.
  bool is_mounted() const {
    return eventually(
        [&] {
          return run({.argv = {"mountpoint", "-q", at_}}).status == 0;
        },
        std::chrono::seconds(10));
  }

 private:
  std::string at_;
  Background server_;
};

// The time of the first or the last line of a trace that contains both texts.
double time_of(const std::string& trace, const std::string& one, const std::string& other, bool last) {
  double time = 0;
  std::istringstream lines(trace);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(one) == std::string::npos || line.find(other) == std::string::npos) continue;
    time = std::stod(line.substr(line.find(' ') + 1));
    if (!last) break;
  }
  return time;
}

}  // namespace

TEST_CASE("Where syncfs is refused, each file of a batch is flushed by itself") {
  if (!has_strace()) return;
  const char* error = GENERATE("EPERM", "ENOSYS");
  RelaySite site;
  put_many(site);
  Result result =
      run(site.command(kSend, {"strace", "-f", "-qq", "-o", site.path("trace"), "-e",
                               "trace=syncfs,fdatasync", "-e", "inject=syncfs:error=" + std::string(error)}));
  CHECK(result.status == 0);
  CHECK(list(site.path("inbox")).empty());
  CHECK(list(site.path("outbox")).size() == 2 * kFiles);
  CHECK(site.log().find("deferred") == std::string::npos);
  const std::string trace = read_file(site.path("trace"));
  const std::regex flush("fdatasync");
  CHECK(std::distance(std::sregex_iterator(trace.begin(), trace.end(), flush), {}) >= 2 * kFiles);
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("A small file takes at most 90 system calls on its way through both passes") {
  if (!has_strace()) return;
  auto calls_for = [](int files) {
    RelaySite site;
    for (int i = 0; i < files; ++i) site.put("f" + std::to_string(i), "contents");
    const std::vector<std::string> count = {"strace", "-f", "-c", "-o", site.path("count")};
    REQUIRE(run(site.command({"--once"}, count)).status == 0);
    CHECK(list(site.path("outbox")).size() == static_cast<std::size_t>(files));
    const std::string table = read_file(site.path("count"));
    std::smatch total;
    REQUIRE(std::regex_search(table, total, std::regex("([0-9]+) +(?:[0-9]+ +)?total")));
    return std::stoi(total[1]);
  };
  // The same for every number of files is what the start and the end take.
  constexpr int kFew = 20;
  constexpr int kMany = 120;
  CHECK(calls_for(kMany) - calls_for(kFew) <= (kMany - kFew) * 90);
}

TEST_CASE("A start that finds nothing to recover flushes nothing but its manifest") {
  if (!has_strace()) return;
  RelaySite site;
  REQUIRE(run(site.command({"--once"})).status == 0);
  REQUIRE(run(site.command({"--once"}, {"strace", "-f", "-y", "-qq", "-o", site.path("trace"), "-e",
                                        "trace=fsync,fdatasync,syncfs"}))
              .status == 0);
  const std::string trace = read_file(site.path("trace"));
  INFO(trace);
  CHECK(trace.find("manifest") != std::string::npos);
  // The lines about the start and the end are flushed with the name of the log.
  CHECK(count_lines(trace) <= 4);
}

// Another program wrote it, and nobody may have flushed it.
TEST_CASE("A file that an output is a duplicate of is flushed before the source goes") {
  if (!has_strace()) return;
  for (const bool container : {false, true}) {
    RelaySite site;
    std::filesystem::create_directory(site.path("outbox"));
    site.put("a", "contents");
    std::vector<std::string> arguments = {"--once"};
    if (container) arguments = kSend;
    REQUIRE(run(site.command(arguments)).status == 0);
    site.put("a", "contents");
    const std::string name = container ? "/outbox/a.freq>" : "/outbox/a>";
    REQUIRE(run(site.command(arguments, {"strace", "-f", "-y", "-qq", "-o", site.path("trace"), "-e",
                                         "trace=fsync,fdatasync,unlinkat"}))
                .status == 0);
    const std::string trace = read_file(site.path("trace"));
    const std::size_t flush = trace.find(name);
    CHECK(flush != std::string::npos);
    // Mode relay decodes what it has encoded.
    CHECK(flush < trace.find(container ? ".a.txt.paxect-leaving" : ".a.freq.paxect-leaving"));
  }
}

TEST_CASE("On a file system in user space each delivered file is flushed before its audit line") {
  if (!has_strace() || !has_bindfs()) return;
  RelaySite site;
  std::filesystem::create_directory(site.path("disk"));
  std::filesystem::create_directory(site.path("outbox"));
  put_many(site);
  {
    TracedMount mount(site.path("disk"), site.path("outbox"), site.path("server"));
    REQUIRE(mount.is_mounted());
    Result result = run(site.command(kSend, {"strace", "-f", "-ttt", "-y", "-qq", "-s", "65536", "-o",
                                             site.path("relay"), "-e", "trace=write"}));
    CHECK(result.status == 0);
  }
  CHECK(list(site.path("disk")).size() == 2 * kFiles);
  const std::string server = read_file(site.path("server"));
  std::set<std::string> flushed;
  const std::regex flush("f(?:data)?sync\\([0-9]+<[^>]*/(\\.paxect-[0-9a-f]{16}-[^/>]+\\.part)>");
  for (std::sregex_iterator it(server.begin(), server.end(), flush), end; it != end; ++it)
    flushed.insert((*it)[1]);
  flushed.erase(".paxect-place.part");  // the marker of the outbox
  CHECK(flushed.size() == 2 * kFiles);
  const double last_flush = time_of(server, "sync(", ".part>", true);
  // No regular expression: a line of the log is long, and each of its characters would take stack.
  const double first_line = time_of(read_file(site.path("relay")), "_log.jsonl>", "encode", false);
  INFO(last_flush << " " << first_line);
  CHECK(last_flush > 0);
  CHECK(last_flush < first_line);
}

}  // namespace paxect::test
