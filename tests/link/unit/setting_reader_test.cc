#include "settings/setting_reader.h"

#include "support/catch.h"

namespace paxect::link {
namespace {

TEST_CASE("A command line is split without a shell") {
  std::vector<std::string> words;
  CHECK(split_command("a 'b c' \"d \\\" e\" f\\ g ''  $HOME", &words));
  CHECK(words == std::vector<std::string>{"a", "b c", "d \" e", "f g", "", "$HOME"});
  CHECK_FALSE(split_command("a \"b", &words));
}

TEST_CASE("The nearest word is found, a far one is not") {
  CHECK(nearest("inbx", {"outbox", "inbox"}) == "inbox");
  CHECK(nearest("completely_else", {"outbox", "inbox"}).empty());
}

}  // namespace
}  // namespace paxect::link
