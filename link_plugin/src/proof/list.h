// A list: the containers that a sender gave their final names, in the order of their numbers.
//
// `sha256sum -c --ignore-missing` reads the text too: the head is comments to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proof/statement.h"

namespace paxect::link {

inline constexpr std::size_t kMaxListEntries = 256;
inline constexpr std::uint64_t kMaxWithin = 366 * 86400;

// Another entry of its container, of an earlier list of the same sender.
struct EarlierEntry {
  std::string stream;
  std::uint64_t number = 0;

  bool operator==(const EarlierEntry&) const = default;
};

struct ListEntry {
  std::string digest;  // the SHA-256 of the container
  std::string name;    // relative to the outbox: bytes
  std::optional<EarlierEntry> again = {};

  bool operator==(const ListEntry&) const = default;
};

struct List {
  StatementHead head;
  std::uint64_t first = 1;   // the number of the first entry; without entries, of the next one
  std::uint64_t within = 0;  // seconds in which the next list follows
  std::vector<ListEntry> entries;

  bool operator==(const List&) const = default;
};

// A relative path without empty parts, "." and "..", each part at most 255 bytes long.
bool is_entry_name(std::string_view name);

Status parse_list(std::string_view text, List* out);
std::string list_text(const List& list);

}  // namespace paxect::link
