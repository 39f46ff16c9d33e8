// paxect-core salvage as a user runs it.

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/schemas.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFrame = 4096;

Result salvage_tool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {PAXECT_TEST_BIN "/paxect-core", "salvage"});
  return run({.argv = arguments});
}

std::string sample_data() { return motley(20 * kFrame + 5, kFrame); }
std::string sample() { return encode(sample_data(), {{PAXECT_PARAM_FRAME_SIZE, kFrame}}); }

json::Document parse(const std::string& json) {
  CHECK(fits_schema("libpaxect_core", "paxect-core", json));
  return parsed_json(json);
}

TEST_CASE("salvage of a valid container ends with status 0 and prints nothing") {
  TempDir dir;
  write_file(dir / "in", sample());
  Result result = salvage_tool({dir / "in", "-o", dir / "out"});
  CHECK(result.status == 0);
  CHECK(result.output.empty());
  CHECK(result.error.empty());
  CHECK(read_file(dir / "out") == sample_data());
  CHECK(salvage_tool({dir / "in", "-o", "-"}).output == sample_data());
}

TEST_CASE("salvage of a damaged container writes what it finds, with status 2 and a report") {
  TempDir dir;
  std::string container = sample();
  Frame hit = frames_of(container)[5];
  container.replace(hit.start, 40, std::string(40, '\0'));
  write_file(dir / "in", container);
  Result result = salvage_tool({dir / "in", "-o", dir / "out", "--report", dir / "report.json"});
  CHECK(result.status == 2);
  CHECK(result.error ==
        "paxect-core: " + (dir / "out") + ": the data is not whole: 1 of 21 frames are lost (4096 bytes)\n");
  std::string expected = sample_data();
  expected.replace(5 * kFrame, kFrame, std::string(kFrame, '\0'));
  CHECK(read_file(dir / "out") == expected);

  json::Document report = parse(read_file(dir / "report.json"));
  CHECK(report["exit_status"].GetInt() == 2);
  CHECK(!report["proven"].GetBool());
  CHECK(report["size"].GetUint64() == sample_data().size());
  CHECK(report["size_known"].GetBool());
  CHECK(report["frames"].GetUint64() == 21);
  CHECK(report["frames_confirmed"].GetUint64() == 20);
  REQUIRE(report["lost"].Size() == 1);
  CHECK(report["lost"][0]["start"].GetUint64() == 5 * kFrame);
  CHECK(report["lost"][0]["end"].GetUint64() == 6 * kFrame);
  CHECK(report["lost"][0]["exact"].GetBool());
  CHECK(report["unconfirmed"].Size() == 0);
  CHECK(report["header"]["state"] == "found");
  CHECK(report["footer"]["input"].GetInt() == 0);
  CHECK(report["inputs"][0]["name"].GetString() == dir / "in");

  Result quiet = salvage_tool({dir / "in", "-o", dir / "out", "--fill", "skip", "--quiet", "--json"});
  CHECK(quiet.status == 2);
  CHECK(quiet.error.empty());
  CHECK(parse(quiet.output)["fill"] == "skip");
  // A failure is never without a word.
  CHECK(salvage_tool({dir / "in", "-o", dir / "quiet", "--quiet"}).error.starts_with("paxect-core: "));
  CHECK(read_file(dir / "out") == sample_data().erase(5 * kFrame, kFrame));
}

TEST_CASE("salvage without a frame ends with status 4 and leaves an existing output unchanged") {
  TempDir dir;
  write_file(dir / "in", noise(10'000));
  Result result = salvage_tool({dir / "in", "-o", dir / "out"});
  CHECK(result.status == 4);
  CHECK(result.error == "paxect-core: " + (dir / "in") + ": holds no frame of a container\n");
  CHECK(!exists(dir / "out"));
  write_file(dir / "out", "before");
  CHECK(salvage_tool({dir / "in", "-o", dir / "out"}).status == 4);
  CHECK(read_file(dir / "out") == "before");
  CHECK(list(dir.path()).size() == 2);
}

TEST_CASE("salvage never writes over a damaged copy") {
  TempDir dir;
  write_file(dir / "a", sample());
  write_file(dir / "b", sample());
  CHECK(salvage_tool({dir / "a", dir / "b", "-o", dir / "b"}).status == 3);
  CHECK(salvage_tool({dir / "a", dir / "b", "-o", dir / "out", "--report", dir / "b"}).status == 3);
  CHECK(read_file(dir / "b") == sample());
}

TEST_CASE("salvage refuses invalid options and files that do not exist") {
  TempDir dir;
  write_file(dir / "in", sample());
  CHECK(salvage_tool({}).status == 64);
  CHECK(salvage_tool({dir / "in"}).status == 64);
  CHECK(salvage_tool({dir / "in", "-o", dir / "out", "--fill", "ones"}).status == 64);
  CHECK(salvage_tool({dir / "in", "-o", dir / "out", "--report", dir / "out"}).status == 3);
  CHECK(salvage_tool({dir / "missing", "-o", dir / "out"}).status == 3);
  CHECK(salvage_tool({dir.path(), "-o", dir / "out"}).status == 3);
  CHECK(salvage_tool({dir / "in", "-o", "/dev/full"}).status == 3);
  CHECK(salvage_tool({dir / "in", "-o", (dir / "missing") + "/out"}).status == 3);
  Result pipe =
      run({.argv = {"sh", "-c",
                    "cat " + (dir / "in") + " | " PAXECT_TEST_BIN "/paxect-core salvage /dev/stdin -o " +
                        (dir / "out")}});
  CHECK(pipe.status == 3);
  CHECK(list(dir.path()).size() == 1);
}

TEST_CASE("a salvage that fails is reported in JSON too") {
  TempDir dir;
  write_file(dir / "in", sample());
  auto error_of = [](const Result& result) {
    CHECK(result.status == 3);
    json::Document line = parse(result.output);
    CHECK(line["exit_status"].GetInt() == 3);
    CHECK(result.error == "paxect-core: " + std::string(line["error"]["message"].GetString()) + "\n");
    return std::string(line["error"]["name"].GetString());
  };
  CHECK(error_of(salvage_tool({dir / "missing", "-o", dir / "out", "--json"})) == "PAXECT_ERROR_OPEN");
  CHECK(error_of(salvage_tool({dir.path(), "-o", dir / "out", "--json"})) == "PAXECT_ERROR_READ");
  CHECK(error_of(salvage_tool({dir / "in", "-o", dir / "none/out", "--json"})) == "PAXECT_ERROR_OPEN");
  CHECK(error_of(salvage_tool({dir / "in", "-o", dir / "in", "--json"})) == "PAXECT_ERROR_SAME_FILE");
  Result to_stdout = salvage_tool({dir / "missing", "-o", "-", "--json"});
  CHECK(to_stdout.output.empty());
  CHECK(to_stdout.error.find("\n{\"command\":\"salvage\"") != std::string::npos);
}

TEST_CASE("salvage of two containers in one file reports where the other one begins, with status 2") {
  TempDir dir;
  std::string other_data = text(30'000, 5);
  std::string other = encode(other_data);
  write_file(dir / "in", sample() + other);
  Result result = salvage_tool({dir / "in", "-o", dir / "out", "--report", dir / "report.json"});
  CHECK(result.status == 2);
  CHECK(read_file(dir / "out") == sample_data());
  std::string offset = std::to_string(sample().size());
  CHECK(result.error.find("another container begins at offset " + offset + " of " + (dir / "in")) !=
        std::string::npos);
  CHECK(parse(read_file(dir / "report.json"))["contested"].GetBool());
  // The command in the message recovers the other container.
  std::string tail = "tail -c +" + std::to_string(sample().size() + 1);
  REQUIRE(result.error.find(tail) != std::string::npos);
  CHECK(
      run({.argv = {"/bin/sh", "-c", tail + " '" + (dir / "in") + "' > '" + (dir / "other") + "'"}}).status ==
      0);
  CHECK(salvage_tool({dir / "other", "-o", "-"}).output == other_data);
}

}  // namespace
}  // namespace paxect::test
