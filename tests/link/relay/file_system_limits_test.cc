// What a file system, or the process, does not take: sizes and names.
#include <filesystem>

#include "link/mounted_image.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

const std::vector<std::string> kSendOnce = {"--set", "link.mode=send", "--once"};

TEST_CASE("A file that is too large for the file system waits with a remedy, and the others pass") {
  RelaySite site;
  write_file(site.path("inbox/big.bin"), noise(3'000'000));
  write_file(site.path("inbox/small.bin"), "small");
  Command command = site.command(kSendOnce, {"sh", "-c", "ulimit -f 1024; exec \"$@\"", "limited"});
  Result result = run(command);
  INFO(result.error);
  CHECK(result.status == 1);
  CHECK(result.error.find(
            "File too large: the file system, or the file size limit of the process (ulimit -f)") !=
        std::string::npos);
  CHECK(result.error.find("lower max_file_mb") != std::string::npos);
  CHECK(list(site.path("outbox")) == std::vector<std::string>{"small.freq", "small.freq.sha256"});
  CHECK(read_file(site.path("inbox/big.bin")) == noise(3'000'000));
  CHECK(run(site.command(kSendOnce)).status == 0);
  CHECK(exists(site.path("outbox/big.freq")));
}

TEST_CASE("A name that the file system refuses waits with a remedy, and passes when it is renamed") {
  MountedImage image(MountedImage::Kind::kNtfs);
  if (!image.is_mounted()) return;
  RelaySite site;
  std::vector<std::string> options = kSendOnce;
  options.insert(options.end(),
                 {"--set", "link.outbox=" + image.path() + "/out", "--set", "link.recursive=true"});
  write_file(site.path("inbox/a:b.txt"), "colon");
  write_file(site.path("inbox/fine.txt"), "fine");
  std::filesystem::create_directory(site.path("inbox/c:d"));
  write_file(site.path("inbox/c:d/e.txt"), "folder");
  Result result = run(site.command(options));
  INFO(result.error);
  CHECK(result.status == 1);
  const std::string reason = "Invalid argument: the file system does not allow this name: rename the source";
  CHECK(result.error.find("/out/c:d: " + reason) != std::string::npos);
  CHECK(result.error.find("/out/a:b.freq.sha256: " + reason) != std::string::npos);
  CHECK(list(image.path() + "/out") == std::vector<std::string>{"fine.freq", "fine.freq.sha256"});
  std::filesystem::rename(site.path("inbox/a:b.txt"), site.path("inbox/ab.txt"));
  std::filesystem::rename(site.path("inbox/c:d"), site.path("inbox/cd"));
  result = run(site.command(options));
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(exists(image.path() + "/out/ab.freq"));
  CHECK(exists(image.path() + "/out/cd/e.freq"));
}

TEST_CASE("A file system without exclusive names is reported as that, and nothing is delivered to it") {
  if (!has_strace()) return;
  TempDir temp;
  RelaySite site(temp / "it's -here\n");
  site.put("a", "data");
  Result result = run(
      site.command(kSendOnce, {"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2,linkat", "-e",
                               "inject=renameat2:error=EINVAL", "-e", "inject=linkat:error=EPERM"}));
  INFO(result.error);
  CHECK(result.status == 1);
  CHECK(result.error.find("can neither rename without replacing nor make hard links: use another one") !=
        std::string::npos);
  CHECK(list(site.path("outbox")).empty());
  // The command that it advises can be run as it is shown.
  const std::string advice = "(paxect link doctor ";
  const std::size_t end = result.error.find(" reports whether it can)");
  const std::size_t at = result.error.rfind(advice, end);
  REQUIRE((at != std::string::npos && end != std::string::npos));
  const std::string word = result.error.substr(at + advice.size(), end - at - advice.size());
  INFO(word);
  const std::string directory = run({.argv = {"bash", "-c", "printf %s " + word}}).output;
  CHECK((directory == site.path("inbox/") || directory == site.path("outbox/")));
}

}  // namespace
}  // namespace paxect::test
