// The policy file: what it says, and the gate that every file passes.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::link {

// The largest policy file that is read.
inline constexpr std::size_t kPolicyLimit = std::size_t{1} << 20;

// schemas/policy.schema.json, compiled in.
extern const std::string_view kPolicySchema;

struct Policy {
  std::string version = "1.0";
  std::set<std::string> trusted_nodes;
  // With the dot, ASCII letters in lower case; "" allows names without a suffix, "*" every name.
  std::set<std::string> allowed_suffixes;
  std::uint64_t max_file_bytes = std::uint64_t{256} << 20;
  // A container may be larger than its data, and one that is protected larger still.
  std::uint64_t max_container_bytes(unsigned protect) const;
  bool require_sig = false;
  bool auto_delete = true;
  int log_level = 1;  // 0 debug, 1 info, 2 warn, 3 error
  bool quarantine_on_policy_block = false;

  bool operator==(const Policy&) const = default;

  // The gate, in this order. Each gives the reason of the block, or "" when there is none.
  std::string node_block(std::string_view node) const;
  std::string suffix_block(std::string_view suffix) const;
  std::string size_block(std::uint64_t size) const;
  // Of a container, whose protection nobody knows yet.
  std::string container_size_block(std::uint64_t size) const;
};

// The policy of a text, validated against schemas/policy.schema.json; `path` is for messages. False with all
// that is wrong in `*faults`, "PATH:LINE:COLUMN: REASON" each. Unknown keys are no fault: one line each in
// `*warnings`.
bool parse_policy(std::string_view text, const std::string& path, Policy* policy,
                  std::vector<std::string>* warnings, std::vector<std::string>* faults);

// The first fault, and how many there are besides; "" for none.
std::string in_one_line(const std::vector<std::string>& faults);

// What is written on the first start: this host may send, and the usual suffixes pass.
std::string default_policy_text(std::string_view node);

}  // namespace paxect::link
