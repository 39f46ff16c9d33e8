// The report of a salvage as JSON. Its members are described in FORMAT.md, chapter Salvage.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "command.h"
#include "paxect/core.h"

namespace paxect::tool {

struct SalvageJob {
  std::vector<std::string> inputs;
  std::string output;
  bool fill_zero = true;
  double seconds = 0;
  paxect_status status = PAXECT_OK;
};

// One JSON object on one line.
void write_salvage_report(std::ostream& out, const paxect_salvager* salvager, const SalvageJob& job);
// Written instead of it when the salvage failed before there was one.
void write_salvage_failure(std::ostream& out, const Outcome& ended, const SalvageJob& job);

paxect_salvage_report salvage_report(const paxect_salvager* salvager);
paxect_salvage_input salvage_input(const paxect_salvager* salvager, std::size_t number);

}  // namespace paxect::tool
