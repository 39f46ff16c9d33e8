#include "log.h"

#include <fcntl.h>
#include <paxect/plugin.h>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "unique_fd.h"

using namespace paxect::host;

namespace {

// What a log wrote to its descriptor.
template <typename Write>
std::string logged(bool verbose, Write&& write) {
  paxect::test::TempDir directory;
  std::string path = directory / "log";
  UniqueFd fd(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  write(Log(verbose, fd.get()));
  return paxect::test::read_file(path);
}

}  // namespace

TEST_CASE("A line begins with the instance's name in upper case") {
  CHECK(logged(false, [](const Log& log) { log.write("node-a", PAXECT_LOG_WARN, "hello"); }) ==
        "[NODE-A] hello\n");
  CHECK(logged(false, [](const Log& log) { log.write("no config"); }) == "paxect: no config\n");
}

TEST_CASE("Debug and info need verbose while warn and error do not") {
  auto all = [](const Log& log) {
    for (int level : {PAXECT_LOG_DEBUG, PAXECT_LOG_INFO, PAXECT_LOG_WARN, PAXECT_LOG_ERROR})
      log.write("a", level, std::to_string(level));
  };
  CHECK(logged(false, all) == "[A] 2\n[A] 3\n");
  CHECK(logged(true, all) == "[A] 0\n[A] 1\n[A] 2\n[A] 3\n");
}

TEST_CASE("A message cannot forge a line or drive the terminal") {
  CHECK(logged(false, [](const Log& log) { log.write("a", PAXECT_LOG_WARN, "x\n[B] y\r\t\x1b[2J\x7f"); }) ==
        "[A] x\\n[B] y\\x0d\\t\\x1b[2J\\x7f\n");
  CHECK(escape("\xc2\x85 \xc2\x9b") == "\\xc2\\x85 \\xc2\\x9b");
  CHECK(escape(std::string("a\0b", 3)) == "a\\x00b");
}

TEST_CASE("Characters that hide or reorder text are escaped") {
  CHECK(escape("a\xe2\x80\xae"
               "b") == "a\\xe2\\x80\\xaeb");                    // U+202E, right-to-left override
  CHECK(escape("\xe2\x81\xa6") == "\\xe2\\x81\\xa6");           // U+2066, left-to-right isolate
  CHECK(escape("\xe2\x80\x8b") == "\\xe2\\x80\\x8b");           // U+200B, zero-width space
  CHECK(escape("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");           // U+2028, line separator
  CHECK(escape("\xef\xbb\xbf") == "\\xef\\xbb\\xbf");           // U+FEFF, byte order mark
  CHECK(escape("\xf3\xa0\x80\xa1") == "\\xf3\\xa0\\x80\\xa1");  // U+E0021, a tag
  CHECK(escape("\xd7\xa9\xd9\x84") == "\xd7\xa9\xd9\x84");      // letters of both directions stay
}

TEST_CASE("UTF-8 stays and bytes that are none are escaped") {
  std::string good =
      "\xc2\xa0 \xc3\xa9 \xe2\x82\xac \xed\x9f\xbf \xee\x80\x80 \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf";
  CHECK(escape(good) == good);
  CHECK(escape("\xff") == "\\xff");
  CHECK(escape("\x80") == "\\x80");
  CHECK(escape("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(escape("\xe0\x80\x80") == "\\xe0\\x80\\x80");           // overlong
  CHECK(escape("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // surrogate
  CHECK(escape("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  CHECK(escape("\xe2\x82") == "\\xe2\\x82");                    // cut off
  CHECK(escape("\xe2\x82x") == "\\xe2\\x82x");                  // interrupted
}

TEST_CASE("A log that nobody reads is no error") {
  Log(false, -1).write("lost");
  UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  Log(false, full.get()).write("lost");
}
