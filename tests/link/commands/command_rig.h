// Runs the commands of link.so, by its extension, beside a relay or without one.
#pragma once

#include <checked_json.h>

#include <string>
#include <vector>

#include "link/link_rig.h"
#include "support/catch.h"
#include "support/schemas.h"

namespace paxect::test {

struct CommandResult {
  int status;
  std::string output;
};

// One command with the settings of this host.
inline CommandResult command(FakeHost& host, const std::vector<std::string>& words) {
  auto* extension = static_cast<const paxect_commands_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_COMMANDS));
  REQUIRE(extension != nullptr);
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  arguments.push_back(nullptr);
  host.take_output();
  int status = extension->run(host.get(), static_cast<std::int32_t>(words.size()), arguments.data());
  return {status, host.take_output()};
}

// The same with --json; its one line must be an object, and as the command's schema says.
inline json::Document command_json(FakeHost& host, std::vector<std::string> words, int expected = 0) {
  words.push_back("--json");
  CommandResult outcome = command(host, words);
  INFO(outcome.output);
  CHECK(outcome.status == expected);
  REQUIRE(outcome.output.find('\n') == outcome.output.size() - 1);
  CHECK(fits_schema("link_plugin", words.front(), outcome.output));
  json::Document document = parsed_json(outcome.output);
  REQUIRE(document.IsObject());
  return document;
}

}  // namespace paxect::test
