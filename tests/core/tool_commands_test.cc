// The commands that look into containers: test, info, check, decode --range; and summaries as JSON.
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/schemas.h"
#include "support/temp_dir.h"
#include "tool.h"
#include "vectors.h"

namespace paxect::test {
namespace {

json::Document json(const std::string& text) {
  INFO(text);
  CHECK(one_line(text));
  CHECK(fits_schema("libpaxect_core", "paxect-core", text));
  json::Document document = parsed_json(text);
  REQUIRE(document.IsObject());
  return document;
}

std::string vector_path(const std::string& name) { return PAXECT_TEST_VECTORS "/" + name + ".freq"; }

// "0123456789" in frames of 4 bytes. It does not compress, so the sizes below do not depend on libzstd.
std::string small_container() { return encode("0123456789", {{PAXECT_PARAM_FRAME_SIZE, 4}}); }

TEST_CASE("test gives every vector its exit status, one line on failure and none on success") {
  for (const Vector& vector : load_vectors()) {
    INFO(vector.name);
    Result result = tool({"test", vector_path(vector.name)});
    CHECK(result.status == vector.exit);
    CHECK(result.output.empty());
    CHECK(result.error.empty() == (vector.exit == 0));
    if (vector.exit != 0) CHECK(one_line(result.error));
  }
}

TEST_CASE("test continues after a bad file, and its exit status is the highest") {
  TempDir dir;
  write_file(dir / "good", small_container());
  write_file(dir / "bad", "no container");
  std::string wrong = small_container();
  wrong.back() ^= 1;
  write_file(dir / "wrong", wrong);
  CHECK(tool({"test", dir / "good", dir / "good"}).status == 0);
  CHECK(tool({"test", dir / "good", dir / "wrong"}).status == 2);
  CHECK(tool({"test", dir / "wrong", dir / "none", dir / "good"}).status == 3);
  Result result = tool({"test", dir / "bad", dir / "none", dir / "good", dir / "wrong"});
  CHECK(result.status == 4);
  CHECK(result.error.find("bad: not a .freq container") != std::string::npos);
  CHECK(result.error.find("none: cannot open") != std::string::npos);
  CHECK(result.error.find("wrong: SHA-256") != std::string::npos);
  CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 3);
  CHECK(tool({"test", "-"}, small_container()).status == 0);
  CHECK(tool({"test", "-"}, wrong).error.find("standard input: SHA-256") != std::string::npos);
}

TEST_CASE("info shows header, footer and ratio") {
  TempDir dir;
  std::string container = encode("0123456789", {{PAXECT_PARAM_FRAME_SIZE, 4},
                                                {PAXECT_PARAM_LEVEL, -3},
                                                {PAXECT_PARAM_CHANNELS, 2},
                                                {PAXECT_PARAM_MAPPING, 1},
                                                {PAXECT_PARAM_VERIFY, 1}});
  write_file(dir / "a.freq", container);
  Result result = run({.argv = {kTool, "info", "a.freq"}, .directory = dir.path()});
  CHECK(result.status == 0);
  CHECK(result.error.empty());
  CHECK(result.output ==
        "file            a.freq\n"
        "container size  147\n"
        "data size       10\n"
        "ratio           14.700\n"
        "frames          3\n"
        "frame size      4\n"
        "level           -3\n"
        "channels        2\n"
        "mapping         u16\n"
        "flags           verify multichannel\n"
        "sha256          84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882\n"
        "verified        sizes and frames; the test command verifies the data too\n");
  CHECK(tool({"info", vector_path("empty")}).output.find("ratio           -\n") != std::string::npos);
}

TEST_CASE("info lists the frames with their offsets") {
  TempDir dir;
  write_file(dir / "a.freq", small_container());
  std::string output = tool({"info", dir / "a.freq", "--frames"}).output;
  CHECK(output.substr(output.find("\n\n") + 2) ==
        "     frame           offset       clen      data offset       ulen channel  crc32\n"
        "         0               24         13                0          4       0  a6669d7d\n"
        "         1               51         13                4          4       0  4d0ca3eb\n"
        "         2               78         11                8          2       0  0943260c\n");
  std::string extended = tool({"info", vector_path("extension-frames"), "--frames"}).output;
  CHECK(extended.find("  extension\n") != std::string::npos);
}

TEST_CASE("info as JSON has every field") {
  TempDir dir;
  write_file(dir / "a.freq", small_container());
  Result result = tool({"info", "--json", "--frames", dir / "a.freq"});
  CHECK(result.status == 0);
  json::Document info = json(result.output);
  CHECK(info["command"].GetString() == std::string("info"));
  CHECK(info["input"].GetString() == dir / "a.freq");
  CHECK(info["version"].GetInt() == 42);
  CHECK(info["level"].GetInt() == 5);
  CHECK(info["frame_size"].GetInt() == 4);
  CHECK(info["channels"].GetInt() == 1);
  CHECK(info["mapping"].GetString() == std::string("virtual"));
  CHECK_FALSE(info["verify"].GetBool());
  CHECK_FALSE(info["multichannel"].GetBool());
  CHECK(info["flags"].GetInt() == 0);
  CHECK(info["container_size"].GetInt() == 147);
  CHECK(info["total_size"].GetInt() == 10);
  CHECK(info["total_frames"].GetInt() == 3);
  CHECK(info["ratio"].GetDouble() == 14.7);
  CHECK(info["sha256"].GetString() ==
        std::string("84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"));
  CHECK(info["exit_status"].GetInt() == 0);
  CHECK_FALSE(info.HasMember("error"));
  REQUIRE(info["frames"].Size() == 3);
  const auto& frame = info["frames"][2];
  CHECK(frame["number"].GetInt() == 2);
  CHECK(frame["offset"].GetInt() == 78);
  CHECK(frame["clen"].GetInt() == 11);
  CHECK(frame["data_offset"].GetInt() == 8);
  CHECK(frame["ulen"].GetInt() == 2);
  CHECK(frame["channel"].GetInt() == 0);
  CHECK(frame["crc32"].GetString() == std::string("0943260c"));
  CHECK_FALSE(frame["extension"].GetBool());
}

TEST_CASE("info as JSON stays valid when the list of frames fails half-way, for many frames too") {
  TempDir dir;
  std::string container = encode(text(40'000), {{PAXECT_PARAM_FRAME_SIZE, 10}});
  container[container.size() - 44] ^= 1;
  write_file(dir / "a.freq", container);
  Result result = tool({"info", "--json", "--frames", dir / "a.freq"});
  CHECK(result.status == 4);
  CHECK(one_line(result.error));
  json::Document info = json(result.output);
  CHECK(info["frames"].Size() == 4000);
  CHECK(info["exit_status"].GetInt() == 4);
  CHECK(info["error"]["name"].GetString() == std::string("PAXECT_ERROR_COUNTS"));
  CHECK(info["error"]["byte"].GetUint64() == container.size() - 44);
  CHECK(info["error"]["frame"].GetInt() == 4000);
}

TEST_CASE("info shows totals that the frames do not have as claims, with status 4") {
  TempDir dir;
  std::string container = small_container();
  container[container.size() - 44] ^= 1;  // 10 bytes of data become 11
  write_file(dir / "a.freq", container);
  Result result = tool({"info", dir / "a.freq"});
  CHECK(result.status == 4);
  CHECK(result.error.find("footer says 11 bytes of data where the frames hold 10") != std::string::npos);
  CHECK(result.output.find("data size       11 (the footer's claim)\n") != std::string::npos);
  CHECK(result.output.find("frames          3 (the footer's claim)\n") != std::string::npos);
  CHECK(result.output.find("ratio           -\n") != std::string::npos);
  CHECK(result.output.find("verified") == std::string::npos);
  result = tool({"info", "--json", dir / "a.freq"});
  CHECK(result.status == 4);
  json::Document info = json(result.output);
  CHECK_FALSE(info.HasMember("total_size"));
  CHECK(info["frame_size"].GetInt() == 4);
}

TEST_CASE("info of a file that is not a container fails with its error") {
  TempDir dir;
  Result result = tool({"info", vector_path("bad-magic")});
  CHECK(result.status == 4);
  CHECK(result.output.empty());
  CHECK(one_line(result.error));
  CHECK(tool({"info", dir / "none"}).status == 3);
  json::Document info = json(tool({"info", "--json", dir / "none"}).output);
  CHECK(info["error"]["name"].GetString() == std::string("PAXECT_ERROR_OPEN"));
}

TEST_CASE("check reports where a container and its original differ") {
  TempDir dir;
  write_file(dir / "a.freq", small_container());
  auto check = [&](const std::string& original) {
    write_file(dir / "original", original);
    return run({.argv = {kTool, "check", "a.freq", "original"}, .directory = dir.path()});
  };
  Result same = check("0123456789");
  CHECK(same.status == 0);
  CHECK(same.output.empty());
  CHECK(same.error.empty());

  Result inside = check("0123x567y9");
  CHECK(inside.status == 2);
  CHECK(inside.output == "frame 1 differs: bytes 4 to 7\nframe 2 differs: bytes 8 to 9\n");
  CHECK(inside.error == "paxect-core: a.freq: 2 of 3 frames differ from the original (byte 4, frame 1)\n");

  Result shorter = check("0123");
  CHECK(shorter.status == 2);
  CHECK(shorter.output == "the original ends at byte 4, in frame 1: 6 bytes are missing\n");
  CHECK(
      shorter.error ==
      "paxect-core: a.freq: 0 of 3 frames differ from the original, which lacks 6 bytes (byte 4, frame 1)\n");

  Result longer = check("0123456789ab");
  CHECK(longer.status == 2);
  CHECK(longer.output == "the original continues at byte 10, after the last frame: 2 bytes more\n");
}

TEST_CASE("check reads the original from a pipe too, and reports its other errors as such") {
  TempDir dir;
  write_file(dir / "a.freq", small_container());
  CHECK(tool({"check", dir / "a.freq", "-"}, "0123456789").status == 0);
  CHECK(tool({"check", dir / "a.freq", "-"}, "012345678x").status == 2);
  Result quiet = tool({"check", "--quiet", dir / "a.freq", "-"}, "012345678x");
  CHECK(quiet.status == 2);
  CHECK(quiet.output.empty());
  CHECK(one_line(quiet.error));
  CHECK(tool({"check", dir / "a.freq", dir / "none"}).status == 3);
  CHECK(tool({"check", dir / "none", dir / "a.freq"}).status == 3);
  CHECK(tool({"check", vector_path("footer-cut"), dir / "a.freq"}).status == 4);
}

TEST_CASE("check as JSON") {
  TempDir dir;
  write_file(dir / "a.freq", small_container());
  Result result = tool({"check", "--json", dir / "a.freq", "-"}, "0x23456789ab");
  CHECK(result.status == 2);
  json::Document check = json(result.output);
  CHECK(check["exit_status"].GetInt() == 2);
  CHECK(check["error"]["name"].GetString() == std::string("PAXECT_ERROR_DIFFERENT"));
  REQUIRE(check["differences"].Size() == 2);
  CHECK(check["differences"][0]["kind"].GetString() == std::string("data"));
  CHECK(check["differences"][0]["frame"].GetInt() == 0);
  CHECK(check["differences"][0]["offset"].GetInt() == 0);
  CHECK(check["differences"][0]["length"].GetInt() == 4);
  CHECK(check["differences"][1]["kind"].GetString() == std::string("extra"));
  CHECK(json(tool({"check", "--json", dir / "a.freq", "-"}, "0123456789").output)["differences"].Empty());
}

TEST_CASE("a range of the data, to a file and to standard output") {
  TempDir dir;
  std::string data = text(50'000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  write_file(dir / "a.freq", container);
  auto range = [&](const std::string& text) {
    return tool({"decode", "-i", dir / "a.freq", "--range", text}).output;
  };
  CHECK(range("0:1") == data.substr(0, 1));
  CHECK(range("12345:6789") == data.substr(12'345, 6789));
  CHECK(range("49999:1") == data.substr(49'999));
  CHECK(range("40000:") == data.substr(40'000));
  CHECK(range("50000:").empty());
  CHECK(tool({"decode", "-i", dir / "a.freq", "-o", dir / "out", "--range", "999:2"}).status == 0);
  CHECK(read_file(dir / "out") == data.substr(999, 2));
  Result redirected =
      run({.argv = {"sh", "-c", "exec \"$0\" decode --range 10:20 < \"$1\"", kTool, dir / "a.freq"}});
  CHECK(redirected.output == data.substr(10, 20));

  CHECK(tool({"decode", "-i", dir / "a.freq", "--range", "40000:10001"}).status == 64);
  CHECK(tool({"decode", "-i", dir / "a.freq", "--range", "49999:18446744073709551615"}).status == 64);
  CHECK(tool({"decode", "--range", "0:1"}, container).status == 3);  // a pipe
  for (const char* wrong : {"", ":", "5", "-1:5", "1:-5", "1:2:3", "a:b", "1 :2", ":5"}) {
    INFO(wrong);
    Result result = tool({"decode", "-i", dir / "a.freq", "--range", wrong});
    CHECK(result.status == 64);
    CHECK(one_line(result.error));
  }
}

TEST_CASE("commands that need the footer print a remedy where it cannot be found") {
  TempDir dir;
  write_file(dir / "original", "0123456789");
  write_file(dir / "a.freq", small_container());
  REQUIRE(run({.argv = {"mkfifo", dir / "fifo"}}).status == 0);
  std::vector<std::vector<std::string>> commands = {{"info"},
                                                    {"info", "--json"},
                                                    {"check", dir / "original"},
                                                    {"decode", "--range", "0:1", "-o", dir / "out", "-i"}};
  for (const std::vector<std::string>& command : commands) {
    for (const std::string& container : {std::string("-"), std::string("/dev/stdin"), dir / "fifo"}) {
      std::vector<std::string> arguments = command;
      arguments.insert(command[0] == "check" ? arguments.begin() + 1 : arguments.end(), container);
      INFO(command[0] << ' ' << container);
      Result result = tool(arguments, small_container());
      CHECK(result.status == 3);
      CHECK(one_line(result.error));
      CHECK(result.error.find(
                "is not a regular file, so its footer cannot be found: copy it into a file first") !=
            std::string::npos);
    }
  }
  for (const char* name : {"-", "/dev/stdin"}) {
    Result file =
        run({.argv = {"sh", "-c", "exec \"$0\" info \"$2\" < \"$1\"", kTool, dir / "a.freq", name}});
    CHECK(file.status == 0);
    CHECK(file.output.find("data size       10\n") != std::string::npos);
  }
  CHECK(tool({"info", dir.path()}).error == "paxect-core: " + dir.path() + ": is a directory\n");
  CHECK(list(dir.path()) == std::vector<std::string>{"a.freq", "fifo", "original"});
}

TEST_CASE("a container with a wrong length or total gives no range") {
  TempDir dir;
  std::string sound = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  for (std::size_t at : {std::size_t{24 + 6}, sound.size() - 44, sound.size() - 36}) {
    std::string container = sound;
    container[at] ^= 4;
    write_file(dir / "a.freq", container);
    for (const char* range : {"0:", "2000:10", "4999:1"}) {
      Result result = tool({"decode", "-i", dir / "a.freq", "--range", range});
      CHECK(result.status == 4);
      CHECK(one_line(result.error));
      CHECK(result.output.empty());
    }
  }
}

TEST_CASE("a frame of more data than a decoder takes by default is refused before anything is written") {
  TempDir dir;
  write_file(dir / "large", "");
  REQUIRE(truncate((dir / "large").c_str(), off_t{4'294'967'295}) == 0);
  Result result =
      tool({"encode", "-i", dir / "large", "-o", dir / "out", "--frame", "4294967295", "--level", "1"});
  CHECK(result.status == 64);
  CHECK(one_line(result.error));
  CHECK(result.error.find("frame of more than 1073741824 bytes of data") != std::string::npos);
  CHECK(result.error.find("use a smaller frame size") != std::string::npos);
  CHECK(list(dir.path()) == std::vector<std::string>{"large"});
  // The frame size alone is no fault.
  CHECK(tool({"decode"}, tool({"encode", "--frame", "4294967295"}, "0123456789").output).output ==
        "0123456789");
  if (std::getenv("PAXECT_TEST_LONG") == nullptr) return;
  std::string pipe = "head -c \"$1\" /dev/zero | \"$0\" encode --frame 4294967295 --level 1 -o \"$2\"";
  CHECK(run({.argv = {"sh", "-c", pipe, kTool, "1073741825", dir / "out"}}).status == 64);
  CHECK(list(dir.path()) == std::vector<std::string>{"large"});
  CHECK(run({.argv = {"sh", "-c", pipe, kTool, "1073741824", dir / "out"}}).status == 0);
  CHECK(tool({"test", dir / "out"}).status == 0);
}

TEST_CASE("paranoid encoding gives the same container") {
  std::string data = text(300'000);
  Result result = tool({"encode", "--paranoid", "--frame", "10000"}, data);
  CHECK(result.status == 0);
  CHECK(result.output == encode(data, {{PAXECT_PARAM_FRAME_SIZE, 10'000}}));
}

TEST_CASE("summaries go where the data does not") {
  TempDir dir;
  write_file(dir / "in", "0123456789");
  Result to_file = tool({"encode", "--json", "--frame", "4", "-i", dir / "in", "-o", dir / "out"});
  CHECK(to_file.error.empty());
  json::Document encoded = json(to_file.output);
  CHECK(encoded["command"].GetString() == std::string("encode"));
  CHECK(encoded["input"].GetString() == dir / "in");
  CHECK(encoded["output"].GetString() == dir / "out");
  CHECK(encoded["exit_status"].GetInt() == 0);
  CHECK(encoded["container_size"].GetInt() == 147);
  CHECK(encoded["total_size"].GetInt() == 10);
  CHECK(encoded["total_frames"].GetInt() == 3);
  CHECK(encoded["seconds"].GetDouble() >= 0);

  Result to_pipe = tool({"decode", "--json", "-i", dir / "out"});
  CHECK(to_pipe.output == "0123456789");
  json::Document decoded = json(to_pipe.error);
  CHECK(decoded["sha256"] == encoded["sha256"]);
  CHECK(decoded["total_size"].GetInt() == 10);

  Result range = tool({"decode", "--json", "-i", dir / "out", "-o", dir / "part", "--range", "3:"});
  CHECK(json(range.output)["offset"].GetInt() == 3);
  CHECK(json(range.output)["length"].GetInt() == 7);
}

TEST_CASE("a failure has a summary too, for each file that is tested") {
  TempDir dir;
  write_file(dir / "good", small_container());
  Result result = tool({"test", "--json", vector_path("crc-flip"), dir / "good"});
  CHECK(result.status == 4);
  CHECK(one_line(result.error));
  std::size_t line = result.output.find('\n') + 1;
  json::Document bad = json(result.output.substr(0, line));
  CHECK(bad["exit_status"].GetInt() == 4);
  CHECK(bad["error"]["name"].GetString() == std::string("PAXECT_ERROR_CRC"));
  CHECK(bad["error"]["message"].GetString() ==
        std::string("CRC-32 of the frame differs: its data is damaged"));
  CHECK_FALSE(bad.HasMember("total_size"));
  CHECK(json(result.output.substr(line))["total_size"].GetInt() == 10);
}

TEST_CASE("a name that is not UTF-8 gives valid JSON") {
  TempDir dir;
  std::string name = dir / "caf\xe9-\xc3\xa9\xf0\x9f";
  json::Document info = json(tool({"info", "--json", name}).output);
  CHECK(info["input"].GetString() == dir / "caf\xef\xbf\xbd-\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a usage error is status 64 and one line") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"test"},
                                                    {"info"},
                                                    {"info", "a", "b"},
                                                    {"check", "a"},
                                                    {"check", "a", "b", "c"},
                                                    {"test", "--progress", "--quiet", "a"},
                                                    {"decode", "--progress", "--no-progress"},
                                                    {"test", "--level", "3", "a"},
                                                    {"test", "--max-frame", "0", "a"}}) {
    Result result = tool(arguments);
    CHECK(result.status == 64);
    CHECK(one_line(result.error));
    CHECK(result.output.empty());
  }
}

TEST_CASE("the help of each command lists every option") {
  auto help_has = [](const std::string& command, const std::vector<std::string>& options) {
    Result result = tool({command, "-h"});
    CHECK(result.status == 0);
    CHECK(result.output.find("usage: paxect-core " + command) == 0);
    for (const std::string& option : options) {
      INFO(command << ' ' << option);
      CHECK(result.output.find(option) != std::string::npos);
    }
  };
  help_has("encode", {"--paranoid", "--json", "--quiet", "--progress", "--no-progress"});
  help_has("decode", {"--range", "--no-sparse", "--max-frame", "--json"});
  help_has("test", {"--json", "--threads"});
  help_has("info", {"--frames", "--json"});
  help_has("check", {"--json", "--quiet"});
}

TEST_CASE("an original without end differs, and is not read without end") {
  TempDir dir;
  write_file(dir / "container", encode(std::string(3'000'000, '\0')));
  Result result =
      run({.argv = {kTool, "check", dir / "container", "/dev/zero"}, .timeout = std::chrono::seconds(20)});
  CHECK(result.status == 2);
  CHECK(result.output.find("the original continues at byte 3000000, after the last frame: at least ") == 0);
  CHECK(result.error.find("which has at least ") != std::string::npos);
  // The size of a file is known.
  write_file(dir / "longer", std::string(9'000'000, '\0'));
  CHECK(tool({"check", dir / "container", dir / "longer"}).output ==
        "the original continues at byte 3000000, after the last frame: 6000000 bytes more\n");
}

TEST_CASE("no command prints the control and invisible characters of a name") {
  TempDir dir;
  std::string file = dir / "a\x1b[31m\nb\xe2\x80\x8b\xc2\x9b";
  write_file(file, text(1000));
  std::string freq = file + ".freq";
  std::vector<std::vector<std::string>> lines = {
      {"encode", "-i", file, "-o", freq, "--protect", "20", "--json"},
      {"test", freq, "--progress"},
      {"info", freq},
      {"check", freq, file},
      {"repair", freq, "--check"},
      {"repair", freq, "-o", file + ".repaired"},
      {"repair", freq, "-o", file + ".repaired", "--json"},
      {"salvage", freq, "-o", file + ".salvaged"},
      {"decode", "-i", freq, "-o", file + ".decoded", "--range", "0:7", "--json"},
      {"encode", "-i", file, "-o", freq + "/none"},
      {"test", file},
      {"info", file},
      {"check", file, freq},
      {"repair", file, "-o", freq + ".none"},
      {"repair", file, "--check"},
      {"salvage", file, "-o", freq + ".none"},
      {"decode", "-i", file, "-o", freq + ".none"},
      {file},
      {"encode", "--" + file},
      {"encode", "--level", file},
  };
  for (const std::vector<std::string>& line : lines) {
    Result result = tool(line);
    std::string printed = result.output + result.error;
    INFO(printed);
    for (const char* raw : {"\x1b", "\nb", "\xe2\x80\x8b", "\xc2\x9b"})
      CHECK(printed.find(raw) == std::string::npos);
  }
}

TEST_CASE("a name that is empty is shown as such") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"encode", "-i", ""},
                                                    {"encode", "-o", ""},
                                                    {"decode", "-i", ""},
                                                    {"decode", "--range", "0:", "-i", ""},
                                                    {"test", ""},
                                                    {"info", ""},
                                                    {"check", "", "/dev/null"},
                                                    {"salvage", "", "-o", "/dev/null"}}) {
    Result result = tool(arguments, "data");
    CHECK(result.status == 3);
    CHECK(one_line(result.error));
    CHECK(result.error.starts_with("paxect-core: '': cannot "));
  }
}

TEST_CASE("an invalid number of channels is refused with the bounds") {
  for (const std::string number : {"0", "9", "x"})
    CHECK(tool({"encode", "--channels=" + number, "-o", "/dev/null"})
              .error.find("--channels cannot be '" + number +
                          "': give a whole number from 1 to 8, or auto") != std::string::npos);
}

}  // namespace
}  // namespace paxect::test
