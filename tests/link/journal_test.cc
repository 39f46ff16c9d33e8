#include "records/journal.h"

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;

Intent intent(Journal& journal, const std::string& source) {
  Intent result;
  result.id = journal.next_id();
  result.source = source;
  result.identity = {1, 2, 3, -4, 5};
  result.folder = "some folder";
  result.temporary = ".x.part";
  result.name = "x";
  return result;
}

std::vector<Intent> reopen(const std::string& path) {
  Journal journal;
  std::vector<Intent> left;
  REQUIRE(journal.open(path, &left).ok());
  return left;
}

TEST_CASE("What was begun is read again, any bytes in its names") {
  TempDir temp;
  Journal journal;
  std::vector<Intent> left;
  REQUIRE(journal.open(temp / "j", &left).ok());
  CHECK(left.empty());
  Intent made = intent(journal, "sp ace\n%41\xff");
  REQUIRE(journal.begin({{made}}).ok());
  left = reopen(temp / "j");
  REQUIRE(left.size() == 1);
  CHECK(left[0].source == made.source);
  CHECK(left[0].folder == made.folder);
  CHECK(left[0].side_temporary.empty());
  CHECK(left[0].identity.same_but_device(made.identity));
  CHECK_FALSE(left[0].prepared);
}

TEST_CASE("Prepared, aborted and finished are told apart") {
  TempDir temp;
  Journal journal;
  std::vector<Intent> left;
  REQUIRE(journal.open(temp / "j", &left).ok());
  std::vector<Intent> made = {intent(journal, "a"), intent(journal, "b"), intent(journal, "c")};
  for (Intent& item : made) item.digest = "d1" + item.source;
  REQUIRE(journal.begin(made).ok());
  REQUIRE(journal.prepare(made).ok());
  std::vector<std::uint64_t> aborted{made[1].id};
  REQUIRE(journal.abort(aborted).ok());
  std::vector<std::uint64_t> finished{made[2].id};
  journal.finish(finished);
  left = reopen(temp / "j");
  REQUIRE(left.size() == 3);
  CHECK((left[0].prepared && !left[0].finished && left[0].digest == "d1a"));
  CHECK_FALSE(left[1].prepared);
  CHECK((left[2].prepared && left[2].finished));
}

TEST_CASE("Reading ends at a torn line, and writing goes on before it") {
  TempDir temp;
  {
    Journal journal;
    std::vector<Intent> left;
    REQUIRE(journal.open(temp / "j", &left).ok());
    REQUIRE(journal.begin({{intent(journal, "a")}}).ok());
    REQUIRE(journal.begin({{intent(journal, "b")}}).ok());
  }
  std::string whole = test::read_file(temp / "j");
  for (std::size_t cut = whole.size() / 2 + 1; cut < whole.size(); ++cut) {
    test::write_file(temp / "j", whole.substr(0, cut));
    Journal journal;
    std::vector<Intent> left;
    REQUIRE(journal.open(temp / "j", &left).ok());
    REQUIRE(left.size() == 1);
    REQUIRE(journal.begin({{intent(journal, "c")}}).ok());
    left = reopen(temp / "j");
    REQUIRE(left.size() == 2);
    CHECK(left[1].source == "c");
  }
}

TEST_CASE("Clearing keeps what is remembered and still there") {
  TempDir temp;
  Journal journal;
  std::vector<Intent> left;
  REQUIRE(journal.open(temp / "j", &left).ok());
  REQUIRE(journal.begin({{intent(journal, "a")}}).ok());
  journal.remember("kept", {0, 1, 1, 1, 1});
  journal.remember("gone", {0, 2, 2, 2, 2});
  CHECK(journal.grown() > 0);
  REQUIRE(
      journal.clear([](const std::string& source, const FileIdentity&) { return source == "kept"; }).ok());
  // What is kept is no reason to clear it again.
  CHECK(journal.grown() == 0);
  Journal again;
  REQUIRE(again.open(temp / "j", &left).ok());
  CHECK(left.empty());
  CHECK(again.is_done("kept", {7, 1, 1, 1, 1}));
  CHECK_FALSE(again.is_done("kept", {7, 1, 9, 1, 1}));
  CHECK_FALSE(again.is_done("gone", {0, 2, 2, 2, 2}));
}

}  // namespace
}  // namespace paxect::link
