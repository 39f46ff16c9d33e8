/* Compiles paxect/core.h alone, as each C standard that we promise. */
#include "paxect/core.h"

paxect_status core_header_compiles(void);
paxect_status core_header_compiles(void) { return PAXECT_OK; }
