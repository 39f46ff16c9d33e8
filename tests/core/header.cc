// Compiles paxect/core.h alone, as each C++ standard that we promise.
#include "paxect/core.h"

paxect_status core_header_compiles();
paxect_status core_header_compiles() { return PAXECT_OK; }
