// How the command `forget` asks the sender of a state directory to forget a receiver: by an empty file
// STATE/forget-ID. The sender removes it when it has decided, at its next start if it does not run.
#pragma once

#include <string>
#include <vector>

#include "status.h"

namespace paxect::carrier {

std::string forget_request(const std::string& state, const std::string& receiver);
// The receivers that it is asked to forget.
std::vector<std::string> forget_requests(const std::string& state);

}  // namespace paxect::carrier
