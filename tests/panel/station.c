/* A plugin that does nothing and has commands: status, explain, peers, and a doctor that takes no directory.
 * Each prints the file COMMAND.json of the directory in the setting `answers`, so that a test decides what a
 * third plugin reports. */
#include <paxect/plugin.h>
#include <stdio.h>
#include <string.h>

struct paxect_plugin_instance {
  const paxect_host* host;
};

static const char* answers(const paxect_host* host) {
  const paxect_config_service* config = host->service(host, PAXECT_SERVICE_CONFIG);
  return config->get(host, "answers", NULL);
}

static paxect_plugin_status create(const paxect_host* host, paxect_plugin_instance** out) {
  static paxect_plugin_instance only;
  only.host = host;
  *out = &only;
  return PAXECT_PLUGIN_OK;
}

static paxect_plugin_status init(paxect_plugin_instance* self) {
  return answers(self->host) == NULL ? PAXECT_PLUGIN_CONFIG : PAXECT_PLUGIN_OK;
}

static paxect_plugin_status start(paxect_plugin_instance* self) {
  (void)self;
  return PAXECT_PLUGIN_OK;
}

static paxect_plugin_status step(paxect_plugin_instance* self, paxect_step* result) {
  const paxect_clock_service* clock = self->host->service(self->host, PAXECT_SERVICE_CLOCK);
  result->state = PAXECT_STEP_WAIT;
  result->wake_at_ns = clock->monotonic_ns(self->host) + UINT64_C(60000000000);
  return PAXECT_PLUGIN_OK;
}

static void stop(paxect_plugin_instance* self) { (void)self; }
static void destroy(paxect_plugin_instance* self) { (void)self; }
static const char* error(paxect_plugin_instance* self) {
  (void)self;
  return "answers is not set";
}

static const paxect_command* command_at(uint32_t index) {
  static const paxect_command commands[] = {
      {sizeof(paxect_command), "status", "[--json]", "how it is"},
      {sizeof(paxect_command), "explain", "NAME [--json]", "what is known of a file"},
      {sizeof(paxect_command), "peers", "[--json]", "who else there is"},
      {sizeof(paxect_command), "doctor", "[--json]", "is all as it should be"},
  };
  return index < sizeof commands / sizeof *commands ? &commands[index] : NULL;
}

static paxect_plugin_status run(const paxect_host* host, int32_t argc, const char* const* argv) {
  (void)argc;
  const paxect_output_service* output = host->service(host, PAXECT_SERVICE_OUTPUT);
  char path[1024];
  char text[4096];
  size_t size = 0;
  snprintf(path, sizeof path, "%s/%s.json", answers(host), argv[0]);
  FILE* file = fopen(path, "r");
  if (file == NULL) return PAXECT_PLUGIN_CONFIG;
  while ((size = fread(text, 1, sizeof text, file)) > 0) output->write(host, text, size);
  fclose(file);
  return PAXECT_PLUGIN_OK;
}

static const void* extension(const char* id) {
  static const paxect_commands_extension commands = {sizeof commands, command_at, run};
  return strcmp(id, PAXECT_EXTENSION_COMMANDS) == 0 ? &commands : NULL;
}

static const paxect_plugin_descriptor descriptor = {
    .magic = PAXECT_PLUGIN_MAGIC,
    .abi_major = PAXECT_PLUGIN_ABI_MAJOR,
    .abi_minor = PAXECT_PLUGIN_ABI_MINOR,
    .struct_size = sizeof(paxect_plugin_descriptor),
    .name = "station",
    .version = "1.0.0",
    .summary = "reports what a test wants",
    .create = create,
    .init = init,
    .start = start,
    .step = step,
    .stop = stop,
    .destroy = destroy,
    .error = error,
    .extension = extension,
};

const paxect_plugin_descriptor* paxect_plugin_query(uint32_t host_abi) {
  (void)host_abi;
  return &descriptor;
}
