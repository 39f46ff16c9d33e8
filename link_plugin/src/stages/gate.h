// What the policy says to a file before anything is read of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "settings/link_config.h"
#include "settings/policy.h"

namespace paxect::link {

// Why a file of the inbox may not pass, "" when it may. Of a container only its own size is looked at.
// `rejected_sender` is the peer that delivers to this inbox and whose manifest is rejected, "" for none.
std::string block_reason(const Policy& policy, Mode mode, std::string_view node,
                         std::string_view rejected_sender, std::string_view name, std::uint64_t size);

// Why nothing passes in this mode under this policy, and what to do; "" when something does.
std::string policy_conflict(const Policy& policy, Mode mode);

// What lets a file pass that is blocked for this reason, in words that follow it; "" when nothing should.
// `policy` is the policy's path.
std::string remedy_of(std::string_view reason, Mode mode, const std::string& policy);

}  // namespace paxect::link
