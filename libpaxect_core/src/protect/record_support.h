// Whether the lists in a copy describe the cells that are in it. One thread at a time.
#pragma once

#include "protect/record_scan.h"
#include "salvage/copy_reader.h"

namespace paxect::core {

// Where records show several containers that begin at the same place of a copy, removes those of which hardly
// a cell is there while most cells of another one are: as of an older container that shows through the end of
// a newer one, where writes were lost. By number and place, its records can outweigh those of the newer one.
// A container in the data of another one begins elsewhere. Reads at most 64 cells for each of 8 containers.
// After a failure, which the reader has, nothing is removed.
void remove_unsupported(Records& records, CopyReader& copy);

}  // namespace paxect::core
