#include "proof/statement_name.h"

#include <catch2/catch.hpp>

namespace paxect::link {

TEST_CASE("The name of a list, a receipt and their signatures is read as it was made") {
  for (const StatementKind kind : {StatementKind::kList, StatementKind::kReceipt})
    for (const bool is_signature : {false, true})
      for (const char* node : {"north", "a.b-c_d", "7"}) {
        const StatementName name = {kind, node, "3f9a6c2e11d04b77", 123, is_signature};
        StatementName read;
        CHECK(parse_statement_name(statement_file(name), &read));
        CHECK(read == name);
      }
  CHECK(statement_file({StatementKind::kList, "north", "3f9a6c2e11d04b77", 2, true}) ==
        "north.3f9a6c2e11d04b77.2.list.minisig");
}

TEST_CASE("A name of any other form is no list and no receipt") {
  for (const char* name :
       {"", "list", ".list", "1.list", "3f9a6c2e11d04b77.1.list", ".3f9a6c2e11d04b77.1.list",
        "north.3f9a6c2e11d04b77.0.list", "north.3f9a6c2e11d04b77.01.list", "north.3f9a6c2e11d04b77.-1.list",
        "north.3f9a6c2e11d04b77.9223372036854775808.list", "north.3F9A6C2E11D04B77.1.list",
        "north.3f9a6c2e11d04b7.1.list", "north.3f9a6c2e11d04b77.1.lists", "north.3f9a6c2e11d04b77.1.minisig",
        "north.3f9a6c2e11d04b77.1.list.minisig.minisig", "north.1.3f9a6c2e11d04b77.1.list",
        "no rth.3f9a6c2e11d04b77.1.list", "north.3f9a6c2e11d04b77.1.list.part", "north.pub"}) {
    INFO(name);
    StatementName read;
    CHECK_FALSE(parse_statement_name(name, &read));
  }
}

}  // namespace paxect::link
