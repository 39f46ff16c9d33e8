#include "relay/list_copies.h"

#include <filesystem>
#include <optional>

#include "base/relay_paths.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/fake_host.h"
#include "support/files.h"
#include "support/immutable.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

constexpr const char* kStream = "3f9a6c2e11d04b77";
constexpr std::uint64_t kSecond = 1'000'000'000;

struct CopyRig {
  test::TempDir directory;
  test::FakeHost fake;
  Host host{fake.get()};
  LinkConfig config;
  Reporter reporter{host};
  SigningKey key = SigningKey::generate();
  std::optional<ListCopies> copies;

  CopyRig() {
    Wiped text;
    key.write(&text);
    test::write_file(directory / "key", text.text);
    std::filesystem::permissions(directory / "key", std::filesystem::perms(0600));
    REQUIRE(config.sign_key.set("file:" + (directory / "key")).ok());
    config.proof_also = second();
    REQUIRE(reporter.audit().open(directory / "log.jsonl", 1 << 20).ok());
    copies.emplace(ListCopies::Parts{host, config, reporter});
  }
  std::string second(const std::string& name = "") const {
    return directory / ("second" + (name.empty() ? "" : "/" + name));
  }
  OwnList list(std::uint64_t number, std::uint64_t within = 600) const {
    List made;
    made.head.from = "north";
    made.head.stream = kStream;
    made.head.number = number;
    made.head.previous = number == 1 ? "" : std::string(64, 'a');
    made.within = within;
    OwnList own;
    REQUIRE(sign_list(key, list_text(made), &own).ok());
    return own;
  }
  void copy() {
    fake.advance_ns(10 * kSecond);
    copies->copy();
  }
  std::size_t lost_lines() {
    REQUIRE(reporter.flush().ok());
    const std::string log = test::read_file(directory / "log.jsonl");
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = log.find("\"list_copy_lost\"", at)) != std::string::npos; ++at) ++lines;
    return lines;
  }
};

}  // namespace

TEST_CASE("While proof_also is away a bounded number of lists waits, and the log says which are lost") {
  CopyRig rig;
  for (std::uint64_t number = 1; number <= ListCopies::kMaxCopies; ++number)
    rig.copies->add(rig.list(number));
  rig.copy();
  CHECK(rig.lost_lines() == 0);
  CHECK(rig.copies->first_of(kStream) == 1);
  rig.copies->add(rig.list(ListCopies::kMaxCopies + 1));
  rig.copy();
  CHECK(rig.lost_lines() == 1);
  const std::uint64_t first = ListCopies::kMaxCopies / 2 + 2;
  CHECK(rig.copies->first_of(kStream) == first);
  CHECK(test::read_file(rig.directory / "log.jsonl").find("\"count\": 501") != std::string::npos);
  CHECK(rig.reporter.problems().contains("proof_also"));
  std::filesystem::create_directory(rig.second());
  rig.copy();
  CHECK(rig.copies->empty());
  CHECK_FALSE(rig.copies->first_of(kStream));
  CHECK_FALSE(rig.reporter.problems().contains("proof_also"));
  CHECK_FALSE(test::exists(rig.second(rig.list(first - 1).name)));
  const OwnList last = rig.list(ListCopies::kMaxCopies + 1);
  CHECK(test::read_file(rig.second(rig.list(first).name)) == rig.list(first).text);
  CHECK(test::read_file(rig.second(last.name)) == last.text);
  CHECK(test::read_file(rig.second(signature_of(last.name))) == last.signature);
  CHECK(test::list(rig.second()).size() == ListCopies::kMaxCopies);
}

TEST_CASE("A damaged copy is replaced, and one with another text that the key signed holds up no list") {
  CopyRig rig;
  std::filesystem::create_directory(rig.second());
  const OwnList first = rig.list(1);
  const OwnList other = rig.list(1, 100);
  const bool is_signed = GENERATE(false, true);
  INFO(is_signed);
  test::write_file(rig.second(first.name), other.text);
  test::write_file(rig.second(signature_of(first.name)), is_signed ? other.signature : "damaged");
  rig.copies->add(first);
  rig.copies->add(rig.list(2));
  rig.copy();
  CHECK(rig.copies->empty());
  CHECK(test::read_file(rig.second(first.name)) == (is_signed ? other.text : first.text));
  CHECK(test::exists(rig.second(rig.list(2).name)));
  CHECK(rig.lost_lines() == (is_signed ? 1 : 0));
}

TEST_CASE("What a process that ended left in proof_also is swept once, and what others write there is not") {
  CopyRig rig;
  const OwnList first = rig.list(1);
  const std::string left = temporary_of(first.name);
  const std::string of_other = temporary_of(list_of("west", kStream, 1));
  rig.copies->add(first);
  rig.copy();
  std::filesystem::create_directory(rig.second());
  for (const std::string& name : {left, of_other}) test::write_file(rig.second(name), "half of");
  rig.copy();
  CHECK(rig.copies->empty());
  CHECK(test::list(rig.second()) == test::Names{of_other, first.name, signature_of(first.name)});
}

TEST_CASE("A name of a copy that cannot be had holds up no other list") {
  CopyRig rig;
  std::filesystem::create_directory(rig.second());
  const OwnList first = rig.list(1);
  test::write_file(rig.second(first.name), "not ours");
  const test::Immutable junk(rig.second(first.name));
  if (!junk.is_set()) return test::skip("no file can be made immutable here");
  rig.copies->add(first);
  rig.copies->add(rig.list(2));
  rig.copy();
  CHECK(rig.copies->empty());
  CHECK(test::exists(rig.second(rig.list(2).name)));
  CHECK(rig.lost_lines() == 1);
}

}  // namespace paxect::link
