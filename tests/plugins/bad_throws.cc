// A plugin whose query function throws.
#include <paxect/plugin.h>

#include <stdexcept>

const paxect_plugin_descriptor* paxect_plugin_query(uint32_t) {
  throw std::runtime_error("query was told to throw");
}
