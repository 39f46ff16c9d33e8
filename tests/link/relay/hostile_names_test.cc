// More than 400 names that were made to be misread, in one inbox at one time.
#include <map>
#include <set>

#include "base/digest.h"
#include "base/printable.h"
#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

enum class End { kDelivered, kIgnored, kBlocked, kQuarantined };

struct Input {
  End end;
  std::string output;  // of one that is delivered; with others of that name it may get digits
};

using Inputs = std::map<std::string, Input>;

std::string repeated(std::size_t times, const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

void add_bytes(Inputs* inputs) {
  for (int value = 1; value < 256; ++value) {
    auto byte = static_cast<char>(value);
    if (byte == '/') continue;
    for (std::string stem : {std::string("b") + byte + "e", std::string(2, byte), std::string("e") + byte})
      (*inputs)[stem + ".txt"] = {stem.front() == '.' ? End::kIgnored : End::kDelivered, stem};
  }
}

void add_delivered(Inputs* inputs) {
  for (const char* stem : {"-rf",
                           "--help",
                           "-",
                           "--",
                           " ",
                           "  ",
                           " lead",
                           "trail ",
                           "\n",
                           "\r\n",
                           "\t",
                           "~",
                           "~root",
                           "$(reboot)",
                           "`id`",
                           "${HOME}",
                           "*",
                           "?",
                           "[a-z]",
                           "a;b",
                           "a|b",
                           "a&b",
                           "a>b",
                           "CON",
                           "nul",
                           "aux:stream",
                           "%s%n%x",
                           "%00",
                           "%2e%2e%2f",
                           "..\\..\\x",
                           "a\\",
                           "\\",
                           "'",
                           "\"",
                           "''",
                           "\"}\n{\"event\": \"decode\"",
                           "\\xff",
                           "\\x5c",
                           "\xff",
                           "\xfe\xff",
                           "\xc0\xaf",
                           "\xed\xa0\x80",
                           "\xf4\x90\x80\x80",
                           "\xef\xbb\xbf"
                           "bom",
                           "\xe2\x80\xae"
                           "gnp",
                           "\xe2\x80\x8f",
                           "\xe2\x80\xa8",
                           "e\xcc\x81",
                           "\xc3\xa9",
                           "\xf0\x9f\x92\xa5",
                           "\x1b[2J",
                           "\x7f",
                           "\x01\x02",
                           "x.freq",
                           "x.freq.freq",
                           "x.freq.sha256",
                           "x.sha256",
                           "x.part",
                           "x.tmp",
                           "x.reason.json",
                           "quarantine",
                           "link_manifest_x",
                           "paxect_link_log",
                           "dots.",
                           "dots..",
                           "dots...",
                           "#",
                           "!",
                           "=cmd",
                           "@",
                           "0",
                           "a:b",
                           "a,b",
                           "{}",
                           "null"}) {
    std::string text = stem;
    (*inputs)[text + ".txt"] = {text.front() == '.' ? End::kIgnored : End::kDelivered, text};
  }
}

void add_others(Inputs* inputs) {
  for (const char* name :
       {".x.txt", "..x.txt", "...txt", ".freq", ".txt", ".freq.sha256", "y.part", "y.tmp", "y.freq.part"})
    (*inputs)[name] = {End::kIgnored, ""};
  for (const char* name :
       {"noext", "dot.", "space.txt ", "y.txt\n", "y.t xt", "y.exe", "y.sha256", "alone.freq.sha256",
        "y.freq.sha256.sha256", "y.freq ", "y.txt.", "y.\xff", "y.reason.json5"})
    (*inputs)[name] = {End::kBlocked, ""};
  for (const char* name : {"junk.freq", "junk.freq.freq", "junk.sha256.freq", "-junk.freq", "\xff.freq",
                           "j\nk.freq", "junk.reason.json.freq"})
    (*inputs)[name] = {End::kQuarantined, ""};
  inputs->insert({"capital.FREQ", {End::kQuarantined, ""}});
  // 255 bytes are the longest name there is; ".freq.sha256" has to find room.
  (*inputs)[std::string(251, 'l') + ".txt"] = {End::kBlocked, ""};
  (*inputs)[std::string(244, 'm') + ".txt"] = {End::kBlocked, ""};
  (*inputs)[std::string(243, 'n') + ".txt"] = {End::kDelivered, std::string(243, 'n')};
  (*inputs)[repeated(81, "\xe2\x98\x83") + ".csv"] = {End::kDelivered, repeated(81, "\xe2\x98\x83")};
  (*inputs)[std::string(242, '\xff') + "a.txt"] = {End::kDelivered, std::string(242, '\xff') + "a"};
  (*inputs)[std::string(250, 'q') + ".freq"] = {End::kQuarantined, ""};
  (*inputs)[std::string(249, '.') + "x.txt"] = {End::kIgnored, ""};
}

std::string contents_of(const std::string& name) { return "contents of " + name; }

// Names that are one after their suffix is off, and one that is what a conflict would make of another.
void add_equals(Inputs* inputs) {
  for (const char* suffix : {".txt", ".csv", ".bin", ".TXT", ".Csv"}) {
    (*inputs)[std::string("same") + suffix] = {End::kDelivered, "same"};
    (*inputs)[std::string(243, 's') + suffix] = {End::kDelivered, std::string(243, 's')};
  }
  for (const char* other : {"same.csv", "same.bin", "same.TXT"}) {
    std::string stem = "same." + link::sha256_hex(contents_of(other)).substr(0, 8);
    (*inputs)[stem + ".txt"] = {End::kDelivered, stem};
  }
}

Inputs all_names() {
  Inputs inputs;
  add_bytes(&inputs);
  add_delivered(&inputs);
  add_others(&inputs);
  add_equals(&inputs);
  return inputs;
}

// The paths that the log has under this event, as bytes.
std::set<std::string> sources(const LinkRig& rig, const std::string& event) {
  std::set<std::string> result;
  for (const LogEntry& entry : rig.events(event)) result.insert(link::bytes_of_printable(entry.source));
  return result;
}

// What came out, by contents; each must be there once. The name is the wanted one, cut and with digits where
// others wanted the same.
std::map<std::string, std::string> names_by_contents(const std::string& directory) {
  std::map<std::string, std::string> result;
  for (const std::string& name : list(directory)) {
    INFO(link::printable(name));
    CHECK(result.emplace(read_file(directory + name), name).second);
  }
  return result;
}

TEST_CASE("Every name in the world is delivered, blocked, or quarantined, as if it were a plain one") {
  const Inputs inputs = all_names();
  REQUIRE(inputs.size() > 400);
  LinkRig rig;
  rig.write_policy("");
  for (const auto& [name, input] : inputs) rig.put(name, contents_of(name));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);

  std::map<std::string, std::string> outputs = names_by_contents(rig.outbox());
  const std::vector<std::string> left_now = list(rig.inbox());
  const std::set<std::string> left(left_now.begin(), left_now.end());
  const std::set<std::string> encoded = sources(rig, "encode");
  const std::set<std::string> blocked = sources(rig, "policy_block");
  const std::set<std::string> quarantined = sources(rig, "quarantine");
  std::size_t delivered = 0;
  for (const auto& [name, input] : inputs) {
    INFO(link::printable(name));
    const std::string path = rig.inbox(name);
    const bool is_delivered = input.end == End::kDelivered;
    delivered += is_delivered ? 1 : 0;
    CHECK(outputs.count(contents_of(name)) == (is_delivered ? 1 : 0));
    CHECK(encoded.count(path) == (is_delivered ? 1 : 0));
    CHECK(blocked.count(path) == (input.end == End::kBlocked ? 1 : 0));
    CHECK(quarantined.count(path) == (input.end == End::kQuarantined ? 1 : 0));
    CHECK(left.count(name) == (input.end == End::kBlocked || input.end == End::kIgnored ? 1 : 0));
    if (input.end == End::kQuarantined)
      CHECK(read_file(rig.inbox(".quarantine/" + link::quarantined_of(name, 0))) == contents_of(name));
    if (!is_delivered) continue;
    const std::string& output = outputs[contents_of(name)];
    const std::string digits = "." + link::sha256_hex(contents_of(name)).substr(0, 8);
    INFO("came out as " << link::printable(output));
    bool plain = output == input.output;
    // A name too long for the digits is cut to make room for them.
    bool conflict = output.find(digits) != std::string::npos &&
                    output.substr(0, output.find(digits)) == input.output.substr(0, output.find(digits));
    CHECK((plain || conflict));
  }
  CHECK(outputs.size() == delivered);
}

TEST_CASE("Names survive the way through a sender, a share and a receiver") {
  const Inputs inputs = all_names();
  LinkRig sender;
  LinkRig receiver;
  sender.write_policy("");
  receiver.write_policy("");
  sender.host.set("mode", "send");
  receiver.host.set("mode", "receive");
  sender.host.set("outbox", receiver.inbox());
  std::set<std::string> expected;
  for (const auto& [name, input] : inputs) {
    if (input.end != End::kDelivered) continue;
    sender.put(name, contents_of(name));
    expected.insert(contents_of(name));
  }
  CHECK(sender.run_once() == PAXECT_PLUGIN_OK);
  CHECK(sender.waiting().empty());
  CHECK(receiver.run_once() == PAXECT_PLUGIN_OK);
  CHECK(receiver.waiting().empty());
  std::map<std::string, std::string> outputs = names_by_contents(receiver.outbox());
  CHECK(outputs.size() == expected.size());
  for (const std::string& contents : expected) {
    INFO(link::printable(contents));
    CHECK(outputs.count(contents) == 1);
  }
}

}  // namespace
}  // namespace paxect::test
