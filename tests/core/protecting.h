// Protected containers for tests of the repairer's parts.
#pragma once

#include <cstdint>
#include <string>

namespace paxect::test {

std::string protected_container(const std::string& data, std::int64_t percent);

}  // namespace paxect::test
