/* paxect/plugin.h alone, as C and as C++, in each standard that plugins are written in (see CMakeLists.txt).
 */
#include <paxect/plugin.h>

/* What a host reads of a plugin that it cannot run is frozen. */
#ifdef __cplusplus
#define CHECK_LAYOUT(condition) static_assert(condition, #condition)
#else
#define CHECK_LAYOUT(condition) _Static_assert(condition, #condition)
#endif
CHECK_LAYOUT(offsetof(paxect_plugin_descriptor, magic) == 0);
CHECK_LAYOUT(offsetof(paxect_plugin_descriptor, abi_major) == 4);
CHECK_LAYOUT(offsetof(paxect_plugin_descriptor, abi_minor) == 6);
CHECK_LAYOUT(offsetof(paxect_plugin_descriptor, struct_size) == 8);
CHECK_LAYOUT(offsetof(paxect_plugin_descriptor, name) == 16);
CHECK_LAYOUT(PAXECT_PLUGIN_ABI == 0x00010000u);
/* No padding that one compiler could fill and another not read. */
CHECK_LAYOUT(sizeof(paxect_watch) == 8);
CHECK_LAYOUT(sizeof(paxect_step) ==
             sizeof(size_t) + 2 * sizeof(int32_t) + sizeof(uint64_t) + sizeof(void*) + 2 * sizeof(uint32_t));

const paxect_plugin_descriptor* paxect_plugin_query(uint32_t host_abi) {
  (void)host_abi;
  return 0;
}
