// Parses any bytes as a policy. It is accepted with its settings, or every fault is reported with its
// position.
#include "settings/policy.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paxect;
  link::Policy policy;
  std::vector<std::string> warnings;
  std::vector<std::string> faults;
  bool taken = link::parse_policy(fuzz::view(data, size), "policy.json", &policy, &warnings, &faults);
  FUZZ_REQUIRE(taken == faults.empty());
  for (const auto& lines : {warnings, faults})
    for (const std::string& line : lines) FUZZ_REQUIRE(line.starts_with("policy.json:"));
  if (!taken) return 0;
  FUZZ_REQUIRE(policy.log_level >= 0 && policy.log_level <= 3);
  for (const std::string& suffix : policy.allowed_suffixes) FUZZ_REQUIRE(policy.suffix_block(suffix).empty());
  FUZZ_REQUIRE(policy.size_block(policy.max_file_bytes).empty());
  return 0;
}
