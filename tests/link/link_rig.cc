#include "link/link_rig.h"

#include <poll.h>
#include <rapidjson/document.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/relay_paths.h"
#include "records/journal.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

std::string node() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string field(const rapidjson::Document& line, const char* key) {
  REQUIRE(line.HasMember(key));
  REQUIRE(line[key].IsString());
  return {line[key].GetString(), line[key].GetStringLength()};
}

}  // namespace

std::vector<LogEntry> read_log(const std::string& path) {
  std::vector<LogEntry> entries;
  std::string text = read_file(path);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    std::string line = text.substr(at, end - at);
    at = end + 1;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(line.c_str(), line.size());
    INFO(line);
    REQUIRE_FALSE(document.HasParseError());
    entries.push_back({line, field(document, "event"), field(document, "src"), field(document, "dst"),
                       field(document, "status"), field(document, "message"), field(document, "level")});
  }
  return entries;
}

LinkRig::LinkRig() {
  host.set("inbox", directory / "inbox");
  host.set("outbox", directory / "outbox");
  host.set("policy", policy());
  host.set("manifest", directory / "link_manifest.json");
  host.set("log", log_path());
  // In one file, however much a long test logs.
  host.set("log_max", std::to_string(std::uint64_t{1} << 40));
  host.set("lock", lock());
  std::filesystem::create_directories(inbox());
}

void LinkRig::put_unclosed(const std::string& name, const std::string& contents) {
  writers_.emplace_back(inbox(name), std::ios::binary | std::ios::trunc);
  writers_.back() << contents << std::flush;
  REQUIRE(writers_.back().good());
}

void LinkRig::put_sparse(const std::string& name, std::uint64_t size) {
  write_file(directory / name, "");
  std::filesystem::resize_file(directory / name, size);
  std::filesystem::rename(directory / name, inbox(name));
}

void LinkRig::write_policy(const std::string& keys) {
  write_file(policy(), "{\"trusted_nodes\": [\"" + node() +
                           "\"], \"allowed_suffixes\": [\".txt\", \".csv\", \".bin\", \".freq\"]" +
                           (keys.empty() ? "" : ", " + keys) + "}\n");
}

void LinkRig::start() {
  link.reset();
  link = std::make_unique<PluginDriver>(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), host);
  auto status = link->init();
  INFO(link->error());
  REQUIRE(status == PAXECT_PLUGIN_OK);
  status = link->start();
  INFO(link->error());
  REQUIRE(status == PAXECT_PLUGIN_OK);
}

bool LinkRig::wait_for_lane() const {
  std::vector<pollfd> polled;
  const paxect_step& step = link->last();
  for (std::uint32_t i = 0; i < step.watch_count; ++i) {
    const std::string descriptor = "/proc/self/fd/" + std::to_string(step.watches[i].fd);
    if (std::filesystem::read_symlink(descriptor) == "anon_inode:[eventfd]")
      polled.push_back({step.watches[i].fd, POLLIN, 0});
  }
  if (polled.empty()) return false;
  constexpr int kPatienceMs = 60'000;
  REQUIRE(poll(polled.data(), polled.size(), kPatienceMs) > 0);
  return true;
}

void LinkRig::settle(std::uint64_t patience_ns) {
  std::uint64_t end = host.monotonic_ns() + patience_ns;
  for (int i = 0; i < 10000; ++i) {
    REQUIRE(link->step() == PAXECT_PLUGIN_OK);
    if (link->last().state == PAXECT_STEP_DONE) return;
    if (link->last().state == PAXECT_STEP_AGAIN || wait_for_lane()) continue;
    std::uint64_t wake = link->last().wake_at_ns;
    if (wake > end) return;
    if (wake > host.monotonic_ns()) host.advance_ns(wake - host.monotonic_ns());
  }
  FAIL("the relay never came to rest");
}

int LinkRig::run_once() {
  host.set_once();
  start();
  settle(std::uint64_t{1} << 60);
  REQUIRE(link->last().state == PAXECT_STEP_DONE);
  int outcome = link->last().outcome;
  stop();
  host.set_once(false);
  return outcome;
}

std::string LinkRig::temporary(const std::string& folder, std::uint64_t id) const {
  link::JournalContents journal;
  REQUIRE(link::read_journal(link::journal_of(lock()), &journal).ok());
  REQUIRE_FALSE(journal.relay_token.empty());
  return folder + "/" + link::product_temporary_of(journal.relay_token, id);
}

std::vector<LogEntry> LinkRig::events(const std::string& event) const {
  std::vector<LogEntry> found;
  for (LogEntry& entry : read_log(log_path()))
    if (entry.event == event) found.push_back(std::move(entry));
  return found;
}

std::vector<std::string> LinkRig::waiting() const {
  std::vector<std::string> names = list(inbox());
  std::erase_if(names, [](const std::string& name) { return name.front() == '.'; });
  return names;
}

std::string container_of(const std::string& data) {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.put("x.txt", data);
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  return read_file(rig.outbox("x.freq"));
}

}  // namespace paxect::test
