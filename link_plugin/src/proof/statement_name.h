// The file names of lists and receipts, and of their signatures, as PROOF.md specifies them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paxect::link {

enum class StatementKind { kList, kReceipt };

struct StatementName {
  StatementKind kind = StatementKind::kList;
  std::string node;
  std::string stream;
  std::uint64_t number = 0;
  bool is_signature = false;  // NAME.minisig

  bool operator==(const StatementName&) const = default;
};

// False for a name of any other form. A name that is accepted is the one that statement_file() makes.
bool parse_statement_name(std::string_view name, StatementName* out);
std::string statement_file(const StatementName& name);

}  // namespace paxect::link
