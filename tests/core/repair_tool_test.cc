// paxect-core encode --protect, repair, and what other commands say about protection.
#include <string>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "tool.h"

namespace paxect::test {
namespace {

struct Protected {
  TempDir dir;
  std::string data = noise(400000, 21);
  std::string file = dir / "file";
  std::string container = dir / "file.freq";
  std::string damaged = dir / "damaged.freq";
  std::string output = dir / "repaired.freq";

  explicit Protected(const std::string& percent = "10") {
    write_file(file, data);
    REQUIRE(tool({"encode", "-i", file, "-o", container, "--protect", percent, "--frame", "65536"}).status ==
            0);
  }
  void damage(std::size_t at, std::size_t size) const {
    std::string bytes = read_file(container);
    bytes.replace(at, size, std::string(size, '\0'));
    write_file(damaged, bytes);
  }
};

}  // namespace

TEST_CASE("repair: restores a damaged container under its name, byte for byte") {
  Protected given;
  given.damage(0, 30000);
  Result result = tool({"repair", given.damaged, "-o", given.output});
  CHECK(result.status == 0);
  CHECK(result.output.starts_with(given.output + ": repaired and proven by the SHA-256: "));
  CHECK(result.error == "");
  CHECK(read_file(given.output) == read_file(given.container));
}

TEST_CASE("repair: --check says whether it could, and writes nothing") {
  Protected given;
  given.damage(100000, 20480);
  Names before = list(given.dir / ".");
  Result result = tool({"repair", given.damaged, "--check"});
  CHECK(result.status == 0);
  CHECK(result.output.find("can be repaired: ") != std::string::npos);
  CHECK(result.output.find("parity cells left") != std::string::npos);
  CHECK(list(given.dir / ".") == before);
  CHECK(tool({"repair", given.container, "--check"}).output == given.container + ": nothing is damaged\n");
  CHECK(tool({"repair", given.damaged}).status == 64);
  CHECK(tool({"repair", given.damaged, "--check", "-o", given.output}).status == 64);
}

TEST_CASE("repair: where too much is damaged, nothing is written and the message says where") {
  Protected given;
  given.damage(50000, 100000);
  write_file(given.output, "as it was");
  Result result = tool({"repair", given.damaged, "-o", given.output});
  CHECK(result.status == 2);
  CHECK(result.error.find("cannot be repaired: window 0 lacks ") != std::string::npos);
  CHECK(result.error.find("paxect-core salvage ") != std::string::npos);
  CHECK(read_file(given.output) == "as it was");
  REQUIRE(tool({"encode", "-i", given.file, "-o", given.damaged}).status == 0);
  result = tool({"repair", given.damaged, "-o", given.output});
  CHECK(result.status == 4);
  CHECK(result.error.find("it was encoded without --protect") != std::string::npos);
  CHECK(read_file(given.output) == "as it was");
}

TEST_CASE("repair: decode and test of a damaged protected container say that it can be repaired") {
  Protected given;
  const std::string hint = "it can be repaired: paxect-core repair " + given.damaged + " -o FILE";
  for (std::size_t at : {std::size_t{0}, std::size_t{200000}}) {
    given.damage(at, 5000);
    Result decoded = tool({"decode", "-i", given.damaged, "-o", given.output});
    CHECK(decoded.status == 4);
    CHECK(decoded.error.find(hint) != std::string::npos);
    CHECK(tool({"test", given.damaged}).error.find(hint) != std::string::npos);
  }
  given.damage(100000, 200000);
  CHECK(tool({"test", given.damaged}).error.find("cannot be repaired: window 0 lacks ") != std::string::npos);
  REQUIRE(tool({"encode", "-i", given.file, "-o", given.container, "--frame", "65536"}).status == 0);
  given.damage(200000, 5000);
  Result plain = tool({"test", given.damaged});
  CHECK(plain.status == 4);
  CHECK(one_line(plain.error));
}

TEST_CASE("repair: info shows the protection and its cost") {
  Protected given("25");
  Result info = tool({"info", given.container});
  CHECK(info.output.find("protection      25 %, for ") != std::string::npos);
  CHECK(tool({"info", given.container, "--json"}).output.find("\"protection\":25") != std::string::npos);
  REQUIRE(tool({"encode", "-i", given.file, "-o", given.container}).status == 0);
  CHECK(tool({"info", given.container}).output.find("protection") == std::string::npos);
}

TEST_CASE("repair: --protect takes 1 to 50") {
  Protected given;
  for (const char* percent : {"51", "-1", "6.5", "six", ""})
    CHECK(tool({"encode", "-i", given.file, "-o", given.output, "--protect", percent}).status == 64);
  CHECK(tool({"encode", "-i", given.file, "-o", given.output, "--protect", "50"}).status == 0);
}

}  // namespace paxect::test
