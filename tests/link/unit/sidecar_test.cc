#include "base/sidecar.h"

#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;
using test::write_file;

const std::string kOne(64, 'a');
const std::string kTwo(64, 'b');

// The digest, or the message of the failure after "!".
std::string read(const std::string& text, const std::string& container = "a.freq") {
  std::string digest;
  Status status = parse_sidecar(text, container, &digest);
  return status.ok() ? digest : "!" + status.message;
}

std::string utf16(const std::string& text, bool big_endian) {
  std::string result = big_endian ? "\xfe\xff" : "\xff\xfe";
  for (char c : text) {
    if (big_endian) result += '\0';
    result += c;
    if (!big_endian) result += '\0';
  }
  return result;
}

TEST_CASE("Every usual form of a checksum file gives its digest") {
  const std::string mark = "\xef\xbb\xbf";
  std::string spaced;
  for (int i = 0; i < 32; ++i) spaced += i == 0 ? "aa" : " aa";
  for (const std::string& text : std::vector<std::string>{
           kOne,
           kOne + "\n",
           kOne + "\r\n",
           mark + kOne + "\r\n",
           "\t " + kOne + " \t\n\n",
           "\n\n" + kOne + "\n",
           "# made by hand\n" + kOne + "  a.freq\n",
           kOne + "\ta.freq\n",
           kOne + "  a.freq  \r\n",
           kOne + " *a.freq\r\n",
           kOne + "  ./some/where/a.freq\n",
           kOne + " *C:\\some\\where\\a.freq\r\n",
           std::string(64, 'A') + "  a.freq\n",
           "SHA256 (a.freq) = " + kOne + "\n",
           mark + "SHA256 (a.freq) = " + kOne + "\r\n",
           "SHA256(a.freq)= " + kOne + "\n",
           "SHA2-256(a.freq)= " + kOne + "\n",
           "SHA256(a(1)= x.freq)= " + kOne + "\n",
           "(stdin)= " + kOne + "\n",
           "SHA2-256(stdin)= " + kOne + "\n",
           kOne + " *stdin\n",
           "SHA256 hash of a.freq:\r\n" + kOne +
               "\r\nCertUtil: -hashfile command completed successfully.\r\n",
           "SHA256 hash of file a.freq:\r\n" + spaced + "\r\nCertUtil: -hashfile command completed.\r\n",
           "SHA256-Hash von a.freq:\r\n" + kOne + "\r\nCertUtil: -hashfile-Befehl wurde erfolgreich.\r\n",
           utf16("SHA256 hash of a.freq:\r\n" + kOne + "\r\nCertUtil: done.\r\n", false),
           utf16(kOne + "  a.freq\r\n", true),
           "\r\nAlgorithm       Hash      Path\r\n---------       ----      ----\r\nSHA256          " + kOne +
               "       C:\\in\\a.freq\r\n",
           kOne + "  a.freq" + std::string(1, '\0')}) {
    INFO(text);
    CHECK(read(text) == kOne);
  }
}

TEST_CASE("Of several lines the one that names the container counts") {
  for (const std::string& text : std::vector<std::string>{
           kTwo + "  b.freq\n" + kOne + "  a.freq\n",
           kTwo + " *b.freq\n" + kOne + " *sub/a.freq\n" + kTwo + " *c.freq\n",
           "SHA256 (b.freq) = " + kTwo + "\nSHA256 (a.freq) = " + kOne + "\n",
           "SHA2-256(b.freq)= " + kTwo + "\nSHA2-256(A.FREQ)= " + kOne + "\n",
           "MD5 (a.freq) = " + std::string(32, 'c') + "\nSHA512 (a.freq) = " + std::string(128, 'c') +
               "\nSHA256 (a.freq) = " + kOne + "\n",
           kOne + "  a.freq\n" + kOne + "  a.freq\n",
           kTwo + "  x\ny" + std::string(1, '\0') + kOne + "  a.freq" + std::string(1, '\0')}) {
    INFO(text);
    CHECK(read(text) == kOne);
  }
  CHECK(read("\\" + kOne + "  new\\nline.freq\n" + kTwo + "  b.freq\n", "new\nline.freq") == kOne);
  CHECK(read("\\SHA256 (back\\\\slash.freq) = " + kOne + "\n" + kTwo + "  b.freq\n", "back\\slash.freq") ==
        kOne);
  // A name of 64 digits is no digest.
  CHECK(read(kOne + "  " + kTwo + "\n", kTwo) == kOne);
}

TEST_CASE("A sidecar without a digest for its container is unreadable") {
  for (const std::string& text : std::vector<std::string>{
           "", "\n", std::string(63, 'a'), std::string(65, 'a'), std::string(40, 'a') + "  a.freq\n",
           std::string(63, 'a') + "g\n", "MD5 (a.freq) = " + kOne.substr(32) + "\n",
           "SHA512/256 (a.freq) = " + kOne + "\n", "BLAKE2s (a.freq) = " + kOne + "\n", "a.freq: OK\n",
           kOne + "x  a.freq\n"}) {
    INFO(text);
    CHECK(read(text) == "!sidecar has no SHA-256 that can be read: write it with sha256sum");
  }
  CHECK(read(kOne + "  b.freq\n" + kTwo + "  c.freq\n")
            .starts_with("!sidecar has several lines, and none names"));
  CHECK(read(kOne + "\n" + kTwo + "\n").starts_with("!sidecar has several lines, and none names"));
  CHECK(read(kOne + "  a.freq\n" + kTwo + "  x/a.freq\n").starts_with("!sidecar gives two SHA-256"));
}

// What a program prints about the file `name` in `directory`; nothing where the program is missing.
std::optional<std::string> printed(const TempDir& directory, const std::vector<std::string>& words) {
  test::Result result = test::run({.argv = words, .directory = directory.path()});
  if (result.status == 127) return std::nullopt;
  REQUIRE(result.status == 0);
  return result.output;
}

TEST_CASE("What sha256sum and openssl write is read") {
  TempDir directory;
  for (const std::string& name :
       {std::string("a.freq"), std::string("a b (1) = x.freq"), std::string("new\nline.freq"),
        std::string("back\\slash.freq"), std::string("*star.freq"), std::string("ends in blank .freq")}) {
    const std::string contents = "the contents of " + name;
    write_file(directory / name, contents);
    write_file(directory / "other", "other contents");
    const std::string digest = sha256_hex(contents);
    for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
             {}, {"--binary"}, {"--tag"}, {"--zero"}, {"--tag", "--zero"}}) {
      std::vector<std::string> words = {"sha256sum"};
      words.insert(words.end(), options.begin(), options.end());
      words.insert(words.end(), {"--", name, "other"});
      std::optional<std::string> text = printed(directory, words);
      INFO(*text);
      CHECK(read(*text, name) == digest);
    }
    for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{{}, {"-r"}}) {
      std::vector<std::string> words = {"openssl", "dgst", "-sha256"};
      words.insert(words.end(), options.begin(), options.end());
      if (options.empty() && name.find('\n') != std::string::npos) continue;  // openssl does not escape it
      words.push_back("./" + name);
      std::optional<std::string> text = printed(directory, words);
      if (!text) continue;
      INFO(*text);
      CHECK(read(*text, name) == digest);
    }
  }
}

TEST_CASE("A sidecar is found in any case of its suffix") {
  TempDir temp;
  Directory folder;
  REQUIRE(Directory::open(temp.path(), &folder).ok());
  CHECK(find_sidecar(folder, "A.FREQ") == "A.FREQ.sha256");
  write_file(temp / "A.FREQ.Sha256", kOne);
  CHECK(find_sidecar(folder, "A.FREQ") == "A.FREQ.Sha256");
  std::string digest;
  CHECK(read_sidecar(folder, "A.FREQ.Sha256", "A.FREQ", &digest).ok());
  CHECK(digest == kOne);
  write_file(temp / "A.FREQ.Sha256", std::string((std::size_t{1} << 20) + 1, '\n'));
  Status status = read_sidecar(folder, "A.FREQ.Sha256", "A.FREQ", &digest);
  CHECK(status.fault == Fault::kIntegrity);
  CHECK(status.event == "sidecar_unreadable");
}

}  // namespace
}  // namespace paxect::link
