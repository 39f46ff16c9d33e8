#include "records.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

std::vector<std::string> read_all(const std::string& path, std::uint64_t* damaged) {
  std::vector<std::string> all;
  *damaged = 0;
  CHECK(Records::read(
            path, [&](const std::string& record) { all.push_back(record); }, damaged)
            .ok());
  return all;
}

TEST_CASE("Records are read as they were appended") {
  const test::TempDir place;
  const std::string path = place / "records";
  std::uint64_t damaged = 0;
  CHECK(read_all(path, &damaged).empty());
  Records records;
  REQUIRE(records.rewrite(path, {"one"}).ok());
  REQUIRE(records.append("two 2").ok());
  REQUIRE(records.flush().ok());
  CHECK(read_all(path, &damaged) == std::vector<std::string>{"one", "two 2"});
  CHECK(damaged == 0);
}

TEST_CASE("Records of any size are read, and a line without an end costs no memory") {
  const test::TempDir place;
  const std::string path = place / "records";
  std::uint64_t damaged = 0;
  Records records;
  REQUIRE(records.rewrite(path, {"one", std::string(900'000, 'x')}).ok());
  REQUIRE(truncate(path.c_str(), (off_t{1} << 30) + 1) == 0);  // a hole
  std::ofstream(path, std::ios::app) << '\n';
  Records more;
  const std::string other = place / "other";
  REQUIRE(more.rewrite(other, {"three"}).ok());
  std::ofstream(path, std::ios::app) << test::read_file(other);
  CHECK(read_all(path, &damaged) == std::vector<std::string>{"one", std::string(900'000, 'x'), "three"});
  CHECK(damaged == 1);
}

TEST_CASE("A torn or changed record is passed over, the others count") {
  const test::TempDir place;
  const std::string path = place / "records";
  Records records;
  REQUIRE(records.rewrite(path, {"one", "two", "three"}).ok());
  std::string text = test::read_file(path);
  text[text.find("two")] = 'T';
  text.resize(text.size() - 3);
  std::ofstream(path) << text;
  std::uint64_t damaged = 0;
  CHECK(read_all(path, &damaged) == std::vector<std::string>{"one"});
  CHECK(damaged == 2);
}

}  // namespace
}  // namespace paxect::carrier
