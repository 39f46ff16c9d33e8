// A salvage into a file, which appears under its name only after all data was written.
#pragma once

#include <string>

#include "callbacks.h"
#include "salvage/salvager.h"

namespace paxect::core {

// `callbacks.sink` is not used. The status is the salvager's; PARTIAL leaves a file, any other failure none.
Status salvage_to_file(Salvager& salvager, const Parameters& parameters, const Callbacks& callbacks,
                       const std::string& output);

}  // namespace paxect::core
