// paxect-core encode --protect, repair, and what other commands say about protection.
#include <filesystem>
#include <string>

#include "repairing.h"
#include "salvaging.h"
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
  CHECK(tool({"repair", given.container, "--check"}).output ==
        given.container + ": no data and no parity is damaged\n");
  CHECK(tool({"repair", given.damaged, given.container, "--check"}).output ==
        given.container + ": no data and no parity is damaged\n");
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

TEST_CASE("repair: decode and test of standard input say how a damaged container is repaired") {
  Protected given;
  given.damage(200000, 5000);
  const std::string damaged = read_file(given.damaged);
  const std::string piped = "if it was encoded with --protect, save it to a file, and repair that";
  Result result = tool({"decode", "-o", given.output}, damaged);
  CHECK(result.status == 4);
  CHECK(result.error.find(piped) != std::string::npos);
  result = tool({"test", "-"}, damaged);
  CHECK(result.status == 4);
  CHECK(result.error.find(piped) != std::string::npos);
  CHECK(one_line(tool({"test", "-", "--quiet"}, damaged).error));
  CHECK(one_line(tool({"test", "-"}, "something else").error));
  // A file can be searched.
  auto test_file = [&] {
    return run({.argv = {"/bin/sh", "-c", "exec \"$0\" test - <\"$1\"", kTool, given.damaged}});
  };
  CHECK(test_file().error.find("it can be repaired: paxect-core repair - -o FILE") != std::string::npos);
  REQUIRE(tool({"encode", "-i", given.file, "-o", given.container, "--frame", "65536"}).status == 0);
  given.damage(200000, 5000);
  CHECK(one_line(test_file().error));
}

TEST_CASE("repair: test of standard input verifies the protection where it is a whole file") {
  Protected given;
  given.damage(read_file(given.container).size() - 45000, 4000);
  auto test_stdin = [&](const std::string& before) {
    return run({.argv = {"/bin/sh", "-c", "{ " + before + " exec \"$0\" test - --json; } <\"$1\"", kTool,
                         given.damaged}});
  };
  const Result whole = test_stdin("");
  CHECK(whole.status == 0);
  CHECK(whole.output.find("\"protection_damaged\":true") != std::string::npos);
  CHECK(whole.error.find("restore it with: paxect-core repair - -o FILE") != std::string::npos);
  // Behind something else, it is not the file that repair would read.
  std::string bytes = read_file(given.damaged);
  write_file(given.damaged, std::string(100, 'x') + bytes);
  const Result later = test_stdin("head -c 100 >/dev/null;");
  CHECK(later.status == 0);
  CHECK(later.output.find("protection_damaged") == std::string::npos);
  CHECK(later.error.find("its protection was not verified, since it begins at byte 100 of a file") !=
        std::string::npos);
  CHECK(one_line(later.error));
  const Result named =
      run({.argv = {"/bin/sh", "-c", "exec 7<\"$1\"; head -c 100 <&7 >/dev/null; exec \"$0\" test /dev/fd/7",
                    kTool, given.damaged}});
  CHECK(named.status == 0);
  CHECK(named.error.find("was not verified, since it begins at byte 100") != std::string::npos);
  write_file(given.damaged, std::string(100, 'x') + encode(noise(5000), {}));
  CHECK(test_stdin("head -c 100 >/dev/null;").error == "");
}

TEST_CASE(
    "repair: a container that has lost both ends, or has zeros behind it, is found to be a protected one") {
  Protected given;
  const std::string container = read_file(given.container);
  std::string bytes = container + std::string(100000, '\0');
  bytes.replace(0, 5000, std::string(5000, '\0'));
  write_file(given.damaged, bytes);
  CHECK(tool({"test", given.damaged}).error.find("it can be repaired: paxect-core repair ") !=
        std::string::npos);
  bytes.replace(container.size() - 9000, 9000, std::string(9000, '\0'));
  write_file(given.damaged, bytes);
  CHECK(tool({"test", given.damaged}).error.find("it can be repaired: paxect-core repair ") !=
        std::string::npos);
  // Nothing shows any more that it is not a part of another container.
  write_file(given.damaged, bytes.substr(5100));
  CHECK(tool({"test", given.damaged})
            .error.find("cannot be repaired: both ends of the protected container are lost") !=
        std::string::npos);
  write_file(given.damaged, noise(100000));
  CHECK(one_line(tool({"test", given.damaged}).error));
}

TEST_CASE("repair: the advised commands have all copies, and the options that they need") {
  Protected given;
  given.damage(50000, 100000);
  const std::string other = given.dir / "other.freq";
  write_file(other, read_file(given.damaged));
  Result result = tool({"repair", given.damaged, other, "-o", given.output, "--max-frame", "70000"});
  CHECK(result.status == 2);
  CHECK(result.error.find(": recover what is left with: paxect-core salvage " + given.damaged + " " + other +
                          " --max-frame 70000 -o FILE\n") != std::string::npos);
  given.damage(200000, 5000);
  for (const char* command : {"decode", "test"}) {
    std::vector<std::string> arguments{command, "--max-frame", "70000", "--threads", "1"};
    if (command == std::string("decode")) arguments.insert(arguments.end(), {"-o", given.output, "-i"});
    arguments.push_back(given.damaged);
    const Result advised = tool(arguments);
    CHECK(advised.status == 4);
    CHECK(advised.error.find("it can be repaired: paxect-core repair " + given.damaged +
                             " --max-frame 70000 -o FILE\n") != std::string::npos);
  }
  // Frames that the check is not allowed to decode are no damage.
  CHECK(tool({"repair", given.damaged, "--check", "--max-frame", "100"}).status != 0);
}

TEST_CASE(
    "repair: where something else than salvage helps, that alone is advised, and --json has the reason") {
  Protected given;
  given.damage(50000, 100000);
  Result result = tool({"repair", given.damaged, "--check", "--json"});
  CHECK(result.status == 2);
  CHECK(result.output.find("\"reason\"") == std::string::npos);
  CHECK(result.error.find("paxect-core salvage") != std::string::npos);
  // The name of a file does not make copies different.
  const std::string named = given.dir / "x are copies of different containers.freq";
  write_file(named, read_file(given.damaged));
  CHECK(tool({"repair", named, "--check"}).error.find("paxect-core salvage") != std::string::npos);
  const std::string other = given.dir / "other.freq";
  REQUIRE(tool({"encode", "-i", kTool, "-o", other, "--protect", "10"}).status == 0);
  result = tool({"repair", given.damaged, other, "-o", given.output, "--json"});
  CHECK(result.status == 2);
  CHECK(result.error.find("repair each of them alone") != std::string::npos);
  CHECK(one_line(result.error));
  CHECK(result.output.find("\"reason\":\"different_copies\"") != std::string::npos);
  // The data of one version with the protection of another.
  std::string data = given.data;
  data[200000] = static_cast<char>(data[200000] ^ 1);
  write_file(given.file, data);
  REQUIRE(tool({"encode", "-i", given.file, "-o", other, "--protect", "10", "--frame", "65536"}).status == 0);
  std::string mixed = read_file(other);
  const std::string older = read_file(given.container);
  for (const Frame& frame : frames_of(mixed))
    if (frame.size == 0)
      mixed.replace(frame.start, frame.end - frame.start, older, frame.start, frame.end - frame.start);
  write_file(other, mixed);
  result = tool({"repair", other, "-o", given.output, "--json"});
  CHECK(result.status == 2);
  CHECK(result.error.find("decode it and encode it again") != std::string::npos);
  CHECK(one_line(result.error));
  CHECK(result.output.find("\"reason\":\"data_proven\"") != std::string::npos);
  CHECK(!exists(given.output));
}

TEST_CASE("repair: info shows the protection and its cost") {
  Protected given("25");
  Result info = tool({"info", given.container});
  CHECK(info.output.find("protection      25 %, for ") != std::string::npos);
  const std::string piece = std::to_string(covered(read_file(given.container)) / 4);
  CHECK(info.output.find("restorable      any piece of " + piece +
                         " bytes, while the protection is whole\n") != std::string::npos);
  const std::string json = tool({"info", given.container, "--json"}).output;
  CHECK(json.find("\"protection\":25") != std::string::npos);
  CHECK(json.find("\"restorable_bytes\":" + piece + ",") != std::string::npos);
  REQUIRE(tool({"encode", "-i", given.file, "-o", given.container}).status == 0);
  CHECK(tool({"info", given.container}).output.find("protection") == std::string::npos);
}

TEST_CASE("repair: a piece as long as info says is restored where it ends in the parity of its window, too") {
  TempDir dir;
  // The last window is so short that the parity of the first one is close behind it.
  write_file(dir / "file", noise((16 << 20) + 1, 23));
  REQUIRE(tool({"encode", "-i", dir / "file", "-o", dir / "c", "--protect", "49", "--frame", "16777216"})
              .status == 0);
  const std::string info = tool({"info", dir / "c"}).output;
  const std::string label = "restorable      any piece of ";
  const std::size_t at = info.find(label);
  REQUIRE(at != std::string::npos);
  const std::size_t piece = std::stoul(info.substr(at + label.size()));
  const std::string container = read_file(dir / "c");
  // Where one row of cells more is lost than the length of the piece needs.
  for (const std::size_t begin : {std::size_t{10263239}, std::size_t{10289151}}) {
    std::string damaged = container;
    write_file(dir / "damaged", damaged.replace(begin, piece, std::string(piece, '\0')));
    const Result result = tool({"repair", dir / "damaged", "--check"});
    INFO(begin << ", " << piece << " bytes: " << result.error);
    CHECK(result.status == 0);
  }
}

TEST_CASE("repair: --check and test report damage that costs no cell and no data") {
  Protected given;
  const std::string container = read_file(given.container);
  const std::size_t size = container.size();
  // In the level, and in what protects.
  for (const std::size_t at : {std::size_t{8}, size - 20000}) {
    std::string bytes = container;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    write_file(given.damaged, bytes);
    CHECK(
        tool({"repair", given.damaged, "--check"}).output.starts_with(given.damaged + ": can be repaired: "));
    CHECK(tool({"repair", given.damaged, "--check", "--json"}).output.find("\"undamaged\":false") !=
          std::string::npos);
    const Result tested = tool({"test", given.damaged});
    CHECK(tested.status == 0);
    CHECK(one_line(tested.error));
    CHECK(
        tested.error.find(": its data is whole, but its protection is damaged: restore it with: paxect-core "
                          "repair " +
                          given.damaged + " -o FILE") != std::string::npos);
    CHECK(tool({"test", given.damaged, "--json"}).output.find("\"protection_damaged\":true") !=
          std::string::npos);
    const Result repaired = tool({"repair", given.damaged, "-o", given.output});
    CHECK(repaired.output.starts_with(given.output + ": repaired and proven"));
    CHECK((read_file(given.output) == read_file(given.container)));
  }
  given.damage(size - 10, 10);  // of the SHA-256 in the footer
  CHECK(
      tool({"repair", given.damaged, "--check"}).output.find(": can be repaired: damaged outside of its ") !=
      std::string::npos);
  CHECK(tool({"repair", given.container, "--check", "--json"}).output.find("\"undamaged\":true") !=
        std::string::npos);
  CHECK(tool({"repair", given.container, "-o", given.output}).output.find("written and proven") !=
        std::string::npos);
  const Result whole = tool({"test", given.container, "--json"});
  CHECK(whole.error == "");
  CHECK(whole.output.find("\"protection_damaged\":false") != std::string::npos);
}

TEST_CASE("repair: test reports that the parity of whole data is destroyed") {
  Protected given;
  const std::string container = read_file(given.container);
  given.damage(container.size() - 45000, 40000);
  const Result result = tool({"test", given.damaged});
  CHECK(result.status == 0);
  CHECK(one_line(result.error));
  CHECK(result.error.find(": its data is whole, but its protection is ") != std::string::npos);
  CHECK(tool({"test", given.damaged, "--quiet"}).error == "");
}

TEST_CASE("repair: the commands in messages name files as the shell needs it") {
  Protected given;
  given.damage(200000, 5000);
  const std::string damaged = read_file(given.damaged);
  TempDir dir;
  for (const std::string& name :
       {std::string("my report.freq"), std::string("-rf.freq"), std::string("it's.freq"),
        std::string("a$(touch PWNED).freq"), std::string("\x1b[31m\xff\\.freq")}) {
    write_file(dir / name, damaged);
    const std::string script = "cd \"$1\" && \"$0\" test -- \"$2\"";
    const std::string error = run({.argv = {"/bin/sh", "-c", script, kTool, dir / ".", name}}).error;
    const std::string label = "it can be repaired: paxect-core ";
    const std::size_t at = error.find(label);
    INFO(error);
    REQUIRE(at != std::string::npos);
    std::string command = error.substr(at + label.size());
    command.replace(command.rfind("FILE"), 4, "fixed");
    const Result followed =
        run({.argv = {"/bin/bash", "-c", "cd \"$1\" && \"$0\" " + command, kTool, dir / "."}});
    INFO(followed.error);
    CHECK(followed.status == 0);
    CHECK((read_file(dir / "fixed") == read_file(given.container)));
    CHECK(!exists(dir / "PWNED"));
    std::filesystem::remove(dir / "fixed");
  }
}

TEST_CASE("repair and salvage: more copies than 64 are refused with the remedy") {
  Protected given;
  given.damage(0, 30000);
  for (const char* command : {"repair", "salvage"}) {
    std::vector<std::string> arguments = {command, "-o", given.output};
    arguments.insert(arguments.end(), 64, given.damaged);
    CHECK(tool(arguments).status == 0);
    std::filesystem::remove(given.output);
    arguments.push_back(given.damaged);
    const Result result = tool(arguments);
    CHECK(result.status == 64);
    CHECK(result.error.find("more than 64 copies: give those that are damaged least") != std::string::npos);
    CHECK(!exists(given.output));
  }
}

TEST_CASE("repair: a message names a file once") {
  Protected given;
  std::string bytes = read_file(given.container);
  bytes[6] = '\1';
  write_file(given.damaged, bytes);
  for (std::size_t size : {std::size_t{10}, bytes.size() / 2, bytes.size()}) {
    write_file(given.damaged, bytes.substr(bytes.size() - size));
    Result result = tool({"repair", given.damaged, "-o", given.output});
    INFO(result.error);
    CHECK(result.error.find(given.damaged + ": " + given.damaged) == std::string::npos);
  }
}

TEST_CASE("repair and salvage: - is standard input, which must be a file") {
  Protected given;
  given.damage(0, 30000);
  auto from_file = [&](const std::string& command, const std::string& output) {
    return run({.argv = {"/bin/sh", "-c", "exec \"$0\" \"$1\" - -o \"$2\" <\"$3\"", kTool, command, output,
                         given.damaged}});
  };
  Result repaired = from_file("repair", given.output);
  CHECK(repaired.status == 0);
  CHECK(repaired.error == "");
  CHECK(read_file(given.output) == read_file(given.container));
  CHECK(from_file("salvage", given.output).status == 0);
  for (const char* command : {"repair", "salvage"}) {
    Result piped = tool({command, "-", "-o", given.output}, read_file(given.damaged));
    CHECK(piped.status == 3);
    CHECK(
        piped.error ==
        "paxect-core: standard input: is not a file that can be read at any offset: copy it to one first\n");
  }
}

TEST_CASE("repair: a pipe receives nothing of a container that is not proven") {
  TempDir dir;
  write_file(dir / "file", noise(17 << 20, 22));  // two windows, of which the second one has lost too much
  REQUIRE(tool({"encode", "-i", dir / "file", "-o", dir / "c", "--protect", "2"}).status == 0);
  const std::string container = read_file(dir / "c");
  std::string damaged = container;
  damaged.replace(container.size() - 1400000, 700000, std::string(700000, '\0'));
  write_file(dir / "damaged", damaged);
  Result result = tool({"repair", dir / "damaged", "-o", "-"});
  CHECK(result.status == 2);
  CHECK(result.output.size() == 0);
  CHECK(tool({"repair", dir / "damaged", "-o", "/dev/stdout"}).output.size() == 0);
  damaged = std::string(5000, '\0') + container.substr(5000);
  write_file(dir / "damaged", damaged);
  result = tool({"repair", dir / "damaged", "-o", "-"});
  CHECK(result.status == 0);
  CHECK((result.output == container));
}

TEST_CASE("repair: what standard input is does not change what is said of an output that is a pipe") {
  const Protected given;
  const Result result = run({.argv = {"/bin/sh", "-c", "exec \"$0\" repair \"$1\" -o - --json <\"$2\"", kTool,
                                      given.container, given.file}});
  CHECK(result.status == 0);
  CHECK((result.output == read_file(given.container)));
  CHECK(result.error.find("\"undamaged\":true") != std::string::npos);
}

TEST_CASE("repair: of two copies whose repair cannot be read again, none is said to be whole") {
  const Protected given;
  given.damage(100000, 20000);
  std::string other = read_file(given.container);
  other.replace(200000, 20000, std::string(20000, '\0'));
  write_file(given.dir / "other", other);
  const Result result =
      run({.argv = {"/bin/sh", "-c", "exec \"$0\" repair \"$1\" \"$2\" -o /dev/fd/3 3>&1 >&2 | cat >\"$3\"",
                    kTool, given.damaged, given.dir / "other", given.output}});
  CHECK(read_file(given.output) == read_file(given.container));
  CHECK(result.error.find("no data and no parity is damaged") == std::string::npos);
  CHECK(result.error.find("each cell is whole in one of the copies") != std::string::npos);
}

TEST_CASE("repair: --protect takes 0, which means none, to 50") {
  Protected given;
  for (const char* percent : {"51", "-1", "6.5", "six", ""})
    CHECK(tool({"encode", "-i", given.file, "-o", given.output, "--protect", percent}).status == 64);
  CHECK(tool({"encode", "-i", given.file, "-o", given.output, "--protect", "50"}).status == 0);
  CHECK(tool({"encode", "-i", given.file, "-o", given.output, "--protect", "0"}).status == 0);
  CHECK(tool({"info", given.output}).output.find("protection") == std::string::npos);
}

}  // namespace paxect::test
