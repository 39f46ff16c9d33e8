// `audit`: a log as a relay writes it, and what somebody did to it.
#include <algorithm>
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/proof/vectors.h"
#include "proof/log_chain.h"
#include "stages/audit_log.h"

namespace paxect::test {
namespace {

constexpr std::int64_t kTime = 1'767'323'045'000'000'000;  // 2026-01-02 03:04:05

// A log of 12 lines in several parts.
struct AuditSite {
  TempDir directory;
  FakeHost host;
  std::string path = directory / "log.jsonl";
  std::vector<std::string> parts;  // oldest first

  // The clock is set back by a day before line `set_back`.
  explicit AuditSite(std::uint64_t limit = 1200, std::int64_t set_back = 12) {
    host.set("log", path);
    for (std::int64_t i = 0; i < 12; ++i) {
      link::AuditLog log;  // a start each
      const std::int64_t now = kTime + i * 1'000'000'000 - (i < set_back ? 0 : 86'400'000'000'000);
      REQUIRE(log.open(path, limit).ok());
      log.append({.name = "decode", .source = "/in/" + std::to_string(i)}, now);
      REQUIRE(log.flush(now).ok());
    }
    for (const std::string& name : list(directory.path()))
      if (name != "log.jsonl") parts.push_back(directory / name);
    parts.push_back(path);
  }

  std::vector<std::string> lines(const std::string& part) const {
    std::vector<std::string> found;
    const std::string text = read_file(part);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      found.push_back(text.substr(at, text.find('\n', at) + 1 - at));
    return found;
  }
  static void write(const std::string& part, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line;
    write_file(part, text);
  }
  json::Document audit(int expected, std::vector<std::string> more = {}) {
    more.insert(more.begin(), "audit");
    return command_json(host, more, expected);
  }
  std::string head() { return audit(0)["head"].GetString(); }
};

std::string text_of(const json::Value& value) { return value.GetString(); }

TEST_CASE("A log as it was written is intact through its rotated parts") {
  AuditSite site;
  REQUIRE(site.parts.size() > 2);
  auto audit = site.audit(0);
  CHECK(text_of(audit["state"]) == "intact");
  CHECK(audit["lines"].GetUint64() == 12);
  CHECK(audit["first"].GetUint64() == 1);
  CHECK(audit["logs"].Size() == site.parts.size());
  CHECK(command(site.host, {"audit"}).output.find("intact          12 lines in ") == 0);
}

TEST_CASE("A log is intact whenever the clock was set back") {
  const std::int64_t line = GENERATE(1, 3, 6, 9, 11);
  INFO(line);
  AuditSite site(1200, line);
  REQUIRE(site.parts.size() > 2);
  auto audit = site.audit(0);
  CHECK(text_of(audit["state"]) == "intact");
  CHECK(audit["lines"].GetUint64() == 12);
  // A part that is missing is found as before.
  const auto part = std::find_if(site.parts.begin(), site.parts.end(), [&](const std::string& each) {
    link::LogHead head;
    const std::string first = site.lines(each).front();
    return link::read_chain(first.substr(0, first.size() - 1), &head) && head.lines > 1 && each != site.path;
  });
  REQUIRE(part != site.parts.end());
  std::filesystem::remove(*part);
  CHECK(text_of(site.audit(1)["state"]) == "broken");
}

TEST_CASE("A relay's own log is intact, over starts and a rotation of another program") {
  LinkRig rig;
  for (int i = 0; i < 3; ++i) {
    rig.put("a" + std::to_string(i) + ".txt", "a");
    REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
    if (i == 1) std::filesystem::rename(rig.log_path(), rig.log_path() + ".1");
  }
  auto audit = command_json(rig.host, {"audit"});
  CHECK(text_of(audit["state"]) == "intact");
  CHECK(audit["first"].GetUint64() == 1);
  CHECK(audit["unchained"].GetUint64() == 0);
}

TEST_CASE("The first line that was changed, removed or moved is named, in whatever part it is") {
  AuditSite site;
  for (const std::string& part : site.parts) {
    const std::vector<std::string> before = site.lines(part);
    for (std::size_t i = 0; i < before.size(); ++i) {
      std::vector<std::string> lines = before;
      lines[i].replace(lines[i].find("/in/"), 4, "/IN/");
      AuditSite::write(part, lines);
      auto changed = site.audit(1);
      CHECK(text_of(changed["log"]) == part);
      CHECK(changed["line"].GetUint64() == i + 1);
      if (i + 1 < before.size()) {
        lines = before;
        std::swap(lines[i], lines[i + 1]);
        AuditSite::write(part, lines);
        CHECK(text_of(site.audit(1)["log"]) == part);
      }
      const bool is_first = part == site.parts.front() && i == 0;
      const bool is_last = part == site.parts.back() && i + 1 == before.size();
      lines = before;
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
      AuditSite::write(part, lines);
      auto removed = site.audit(is_first || is_last ? 0 : 1);
      if (is_first) CHECK(removed["first"].GetUint64() == 2);
    }
    AuditSite::write(part, before);
  }
  CHECK(text_of(site.audit(0)["state"]) == "intact");
}

TEST_CASE("A line that no relay wrote is named as inserted, and the rest of one as torn") {
  AuditSite site(1 << 20);
  const std::vector<std::string> before = site.lines(site.path);
  for (const std::string other : {"\n", "garbage\n", "[1, 2]\n"}) {
    for (const std::size_t at : {std::size_t{1}, std::size_t{5}, before.size()}) {
      std::vector<std::string> lines = before;
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), other);
      AuditSite::write(site.path, lines);
      auto audit = site.audit(1);
      CHECK(text_of(audit["state"]) == "broken");
      CHECK(text_of(audit["log"]) == site.path);
      CHECK(audit["line"].GetUint64() == at + 1);
      CHECK(audit["inserted"].GetUint64() == 1);
      CHECK(audit["torn"].GetUint64() == 0);
      CHECK(audit["lines"].GetUint64() == before.size());
      CHECK(text_of(audit["problem"]).find("it was inserted") != std::string::npos);
      const CommandResult text = command(site.host, {"audit"});
      CHECK(text.output.find(site.path + ":" + std::to_string(at + 1) +
                             (other == "\n" ? ": an empty line: " : ": this line is none of a relay: ")) !=
            std::string::npos);
    }
  }
  const std::string zeros(40, '\0');
  for (const std::string& rest : {before[5].substr(0, 40), zeros, zeros + before[5].substr(40, 40),
                                  before[5].substr(0, 40) + zeros, "the end of a line}" + zeros}) {
    std::vector<std::string> lines = before;
    lines.insert(lines.begin() + 5, rest + "\n");
    AuditSite::write(site.path, lines);
    auto torn = site.audit(0);
    CHECK(torn["torn"].GetUint64() == 1);
    CHECK(torn["inserted"].GetUint64() == 0);
  }
  // What another program wrote before the relay.
  std::vector<std::string> lines = before;
  lines.insert(lines.begin(), 3, "\n");
  AuditSite::write(site.path, lines);
  CHECK(site.audit(0)["torn"].GetUint64() == 0);
}

TEST_CASE("A part that is missing in the middle is found, one at the beginning is named") {
  AuditSite site;
  const std::string text = read_file(site.parts[1]);
  std::filesystem::remove(site.parts[1]);
  CHECK(text_of(site.audit(1)["problem"]).find("the lines between them were removed") != std::string::npos);
  write_file(site.parts[1], text);
  std::filesystem::remove(site.parts[0]);
  CHECK(site.audit(0)["first"].GetUint64() > 1);
  CHECK(command(site.host, {"audit"}).output.find("not checked     the lines before line ") !=
        std::string::npos);
}

TEST_CASE("Lines that are cut off at the end show by a witness alone") {
  AuditSite site(1 << 20);
  write_file(site.directory / "witness", site.head() + "\n");
  std::vector<std::string> lines = site.lines(site.path);
  auto found = site.audit(0, {"--witness", site.directory / "witness"});
  CHECK(text_of(found["witnesses"][0]["state"]) == "found");
  lines.pop_back();
  AuditSite::write(site.path, lines);
  CHECK(text_of(site.audit(0)["state"]) == "intact");
  auto missing = site.audit(1, {"--witness", site.directory / "witness"});
  CHECK(text_of(missing["state"]) == "intact");
  CHECK(text_of(missing["witnesses"][0]["state"]) == "missing");
}

TEST_CASE("A log that was made again as a whole shows by a witness alone") {
  AuditSite site(1 << 20);
  write_file(site.directory / "witness", site.head() + "\n");
  std::vector<std::string> lines = site.lines(site.path);
  link::LogHead head;
  for (std::string& line : lines) {
    line = line.substr(0, line.find(", \"chain\"")) + "}\n";
    if (line.find("/in/5") != std::string::npos) line.replace(line.find("/in/5"), 5, "/in/x");
    line = link::chained_line(line, &head);
  }
  AuditSite::write(site.path, lines);
  CHECK(text_of(site.audit(0)["state"]) == "intact");
  auto changed = site.audit(1, {"--witness", site.directory / "witness"});
  CHECK(text_of(changed["witnesses"][0]["state"]) == "changed");
  CHECK(command(site.host, {"audit", "--witness", site.directory / "witness"})
            .output.find("the log has another line 12: it was made again") != std::string::npos);
}

TEST_CASE("Lists and receipts are witnesses, and a file that is none is refused") {
  AuditSite site;
  const std::string witness = site.directory / list_vector(1);
  write_file(witness, vector_text(list_vector(1)));
  write_file(link::signature_of(witness), vector_text(link::signature_of(list_vector(1))));
  site.host.set("peers", site.directory / "peers");
  // Nobody has signed it, as far as is known here.
  CHECK(command(site.host, {"audit", "--witness", witness}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.host.logged("no key of north is known here"));
  for (const char* node : {"north", "south"}) {
    std::filesystem::create_directories(site.directory / "peers");
    write_file(site.directory / (std::string("peers/") + node + ".pub"),
               vector_text(std::string(node) + ".pub"));
  }
  auto audit = site.audit(1, {"--witness", witness, "--witness", vector_path(receipt_vector())});
  CHECK(text_of(audit["witnesses"][0]["state"]) == "foreign");
  CHECK(text_of(audit["witnesses"][1]["state"]) == "found");  // made before the first line
  CHECK(command(site.host, {"audit", "--witness", witness})
            .output.find("it is about the log of north, and this is the one of ") != std::string::npos);
  site.host.set("node", "north");
  audit = site.audit(1, {"--witness", witness});
  CHECK(text_of(audit["witnesses"][0]["state"]) == "changed");
  for (const char* text : {"", "5\n", "5 abc\n", "# paxect list 2\n"}) {
    write_file(site.directory / "witness", text);
    CHECK(command(site.host, {"audit", "--witness", site.directory / "witness"}).status ==
          PAXECT_PLUGIN_CONFIG);
    CHECK(site.host.logged(site.directory / "witness: "));
  }
  CHECK(command(site.host, {"audit", "--witness", site.directory / "none"}).status == PAXECT_PLUGIN_CONFIG);
}

TEST_CASE(
    "A witness whose signature is missing, damaged or of another key is refused, and says nothing of the "
    "log") {
  AuditSite site;
  const std::string witness = site.directory / list_vector(1);
  const std::string signature = link::signature_of(witness);
  write_file(witness, vector_text(list_vector(1)));
  write_file(signature, vector_text(link::signature_of(list_vector(1))));
  site.host.set("peers", site.directory / "peers");
  std::filesystem::create_directories(site.directory / "peers");
  write_file(site.directory / "peers/north.pub", vector_text("north.pub"));
  site.audit(1, {"--witness", witness});
  std::string expected;
  SECTION("no signature") {
    std::filesystem::remove(signature);
    expected = "its signature cannot be read";
  }
  SECTION("a changed head of the log") {
    std::string text = read_file(witness);
    const std::size_t at = text.find("# log ") + 6;
    text[at] = text[at] == '1' ? '2' : '1';
    write_file(witness, text);
    expected = witness + ": ";
  }
  SECTION("an empty signature") {
    write_file(signature, "");
    expected = witness + ": its signature " + link::signature_of(list_vector(1)) + " is damaged: it is empty";
  }
  SECTION("another key") {
    write_file(site.directory / "peers/north.pub",
               link::public_key_text(link::SigningKey::generate().public_key()));
    expected = witness + ": ";
  }
  SECTION("a revoked key") {
    std::filesystem::rename(site.directory / "peers/north.pub", site.directory / "peers/north.pub.revoked");
    expected = "no key of north is known here";
  }
  const CommandResult refused = command(site.host, {"audit", "--witness", witness});
  CHECK(refused.status == PAXECT_PLUGIN_CONFIG);
  CHECK(refused.output.empty());
  CHECK(site.host.logged(expected));
}

TEST_CASE("What was cut off, emptied or removed shows by the journal") {
  LinkRig rig;
  rig.put("a.txt", "a");
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  REQUIRE(text_of(command_json(rig.host, {"audit"})["state"]) == "intact");
  const std::string text = read_file(rig.log_path());
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  std::string stripped = text;
  for (std::size_t at; (at = stripped.find(", \"chain\": \"")) != std::string::npos;)
    stripped.erase(at, stripped.find("\"}", at) + 1 - at);
  for (const std::string& edited : {text.substr(0, last), std::string(), stripped}) {
    write_file(rig.log_path(), edited);
    auto audit = command_json(rig.host, {"audit"}, 1);
    CHECK(text_of(audit["state"]) == "broken");
    CHECK(text_of(audit["problem"]).find("the journal has line ") == 0);
  }
  std::filesystem::remove(rig.log_path());
  CHECK(text_of(command_json(rig.host, {"audit"}, 1)["state"]) == "broken");
}

TEST_CASE("The chain goes on after the only log was compressed, and a gap of such logs is no fault") {
  LinkRig rig;
  for (const char* name : {"log.jsonl.3.gz", "log.jsonl.2", "log.jsonl.1.gz", ""}) {
    REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
    if (*name == '\0') break;
    std::filesystem::rename(rig.log_path(), rig.directory / name);
    // As gzip leaves it: nothing that a reader of lines could use.
    if (std::string(name).ends_with(".gz")) write_file(rig.directory / name, "\x1f\x8b");
  }
  auto audit = command_json(rig.host, {"audit"});
  CHECK(text_of(audit["state"]) == "intact");
  CHECK(audit["first"].GetUint64() > 1);
  CHECK(audit["missing"].GetUint64() > 0);
  CHECK(command(rig.host, {"audit"}).output.find(" of logs that were passed over") != std::string::npos);
}

TEST_CASE("Lines that are cut off beside no compressed log are found") {
  AuditSite site(600);
  REQUIRE(site.parts.size() > 4);
  // As gzip leaves it: nothing that a reader of lines could use.
  const auto compress = [&](const std::string& part) {
    write_file(part + ".gz", "\x1f\x8b");
    std::filesystem::remove(part);
  };
  const std::size_t cut = GENERATE(1U, 2U);
  compress(site.parts[cut == 1 ? 3 : 0]);
  CHECK(text_of(site.audit(0)["state"]) == "intact");
  std::vector<std::string> lines = site.lines(site.parts[cut]);
  lines.pop_back();
  AuditSite::write(site.parts[cut], lines);
  CHECK(text_of(site.audit(1)["problem"]).find("the lines between them were removed") != std::string::npos);
}

TEST_CASE("A log that was made again as a whole shows by the journal") {
  LinkRig rig;
  rig.put("a.txt", "a");
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  std::string text = read_file(rig.log_path());
  const auto remake = [&](const std::string& from, const std::string& to) {
    std::string made;
    link::LogHead head;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      std::string line = text.substr(at, text.find('\n', at) - at);
      line = line.substr(0, line.rfind(", \"chain\": ")) + "}\n";
      if (const std::size_t found = line.find(from); found != std::string::npos)
        line.replace(found, from.size(), to);
      made += link::chained_line(line, &head);
    }
    write_file(rig.log_path(), made);
  };
  remake("nothing of this", "");
  REQUIRE(read_file(rig.log_path()) == text);
  remake("a.txt", "z.txt");
  auto audit = command_json(rig.host, {"audit"}, 1);
  CHECK(text_of(audit["state"]) == "broken");
  CHECK(text_of(audit["problem"]).find("the journal has another line ") == 0);
  CHECK(command(rig.host, {"audit"}).output.find("the log was made again") != std::string::npos);
  // Whose journal it is is not known of a log that is named.
  CHECK(text_of(command_json(rig.host, {"audit", rig.log_path()})["state"]) == "intact");
}

TEST_CASE("A log that is no file is refused") {
  AuditSite site;
  for (const char* log : {"/dev/null", "/"})
    CHECK(command(site.host, {"audit", log}).status == PAXECT_PLUGIN_CONFIG);
}

TEST_CASE("A log of a version without a chain can be read, and is not checked") {
  AuditSite site(1 << 20);
  std::vector<std::string> lines = site.lines(site.path);
  for (std::string& line : lines) line = line.substr(0, line.find(", \"chain\"")) + "}\n";
  AuditSite::write(site.path, lines);
  auto audit = site.audit(1);
  CHECK(text_of(audit["state"]) == "unchained");
  CHECK(audit["unchained"].GetUint64() == 12);
  CHECK(command_json(site.host, {"stats"})["lines"].GetUint64() == 12);
}

}  // namespace
}  // namespace paxect::test
