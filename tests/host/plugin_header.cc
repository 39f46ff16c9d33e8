// The same for C++.
#include "plugin_header.c"
