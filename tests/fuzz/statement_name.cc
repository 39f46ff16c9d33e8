// Reads any bytes as the name of a list, of a receipt or of a signature. What is accepted is the one name
// that is written for it, and is a name in one folder.
#include "proof/statement_name.h"

#include "fuzz.h"
#include "proof/statement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const std::string_view text = paxect::fuzz::view(data, size);
  link::StatementName name;
  if (!link::parse_statement_name(text, &name)) return 0;
  FUZZ_REQUIRE(link::statement_file(name) == text);
  FUZZ_REQUIRE(text.find('/') == std::string_view::npos && text.find('\0') == std::string_view::npos);
  FUZZ_REQUIRE(link::is_node_name(name.node) && link::is_stream(name.stream));
  FUZZ_REQUIRE(name.number > 0 && name.number <= link::kMaxNumber);
  return 0;
}
