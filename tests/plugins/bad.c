/* A plugin with one fault, selected by a macro BAD_* of the build. NAME is the name of its file. */
#include <paxect/plugin.h>
#include <stddef.h>

#ifdef BAD_UNDEFINED_SYMBOL
int paxect_test_symbol_that_nobody_defines(void);
#endif

#ifndef BAD_NO_FUNCTION
static paxect_plugin_status create(const paxect_host* host, paxect_plugin_instance** out) {
  (void)host;
  *out = NULL;
#ifdef BAD_UNDEFINED_SYMBOL
  return paxect_test_symbol_that_nobody_defines();
#else
  return PAXECT_PLUGIN_INTERNAL;
#endif
}
#else
#define create NULL
#endif

static paxect_plugin_status init(paxect_plugin_instance* instance) {
  (void)instance;
  return PAXECT_PLUGIN_INTERNAL;
}
static paxect_plugin_status step(paxect_plugin_instance* instance, paxect_step* result) {
  (void)instance;
  (void)result;
  return PAXECT_PLUGIN_INTERNAL;
}
static void stop(paxect_plugin_instance* instance) { (void)instance; }
static const char* error(paxect_plugin_instance* instance) {
  (void)instance;
  return "";
}
static const void* extension(const char* id) {
  (void)id;
  return NULL;
}

static const paxect_plugin_descriptor descriptor = {
#ifdef BAD_MAGIC
    0x12345678u,
#else
    PAXECT_PLUGIN_MAGIC,
#endif
#ifdef BAD_MAJOR
    PAXECT_PLUGIN_ABI_MAJOR + 1,
#else
    PAXECT_PLUGIN_ABI_MAJOR,
#endif
#ifdef BAD_MINOR
    PAXECT_PLUGIN_ABI_MINOR + 1,
#else
    PAXECT_PLUGIN_ABI_MINOR,
#endif
#ifdef BAD_SIZE
    offsetof(paxect_plugin_descriptor, extension),
#else
    sizeof(paxect_plugin_descriptor),
#endif
    0,
#ifdef BAD_NAME
    "somebody_else",
#else
    NAME,
#endif
    "1.0.0",
    "has one thing wrong",
    create,
    init,
    init,
    step,
    stop,
    stop,
    error,
    extension};

#ifdef BAD_NO_SYMBOL
PAXECT_PLUGIN_EXPORT const paxect_plugin_descriptor* another_query(uint32_t host_abi);
const paxect_plugin_descriptor* another_query(uint32_t host_abi) {
#else
const paxect_plugin_descriptor* paxect_plugin_query(uint32_t host_abi) {
#endif
  (void)host_abi;
#ifdef BAD_NULL
  (void)descriptor;
  return NULL;
#else
  return &descriptor;
#endif
}
