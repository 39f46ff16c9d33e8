/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest useful plugin: every interval_sec seconds it writes the time, in seconds since 1970, to a file
 * that a monitor can read. It shows everything that a plugin must do: describe itself, read its settings,
 * wait without a thread of its own, and fail with a reason.
 *
 *   [heartbeat]
 *   file = /run/paxect/heartbeat
 *   interval_sec = 10
 */
#include <errno.h>
#include <inttypes.h>
#include <paxect/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct paxect_plugin_instance {
  const paxect_host* host;
  const paxect_config_service* config;
  const paxect_clock_service* clock;
  const paxect_run_service* run;
  char file[1024];
  char part[1032]; /* written first and then renamed, so that no reader sees half a line */
  unsigned interval_sec;
  char error[256];
};

static paxect_plugin_status create(const paxect_host* host, paxect_plugin_instance** out) {
  paxect_plugin_instance* self = calloc(1, sizeof *self);
  *out = self;
  if (self == NULL) return PAXECT_PLUGIN_INTERNAL;
  self->host = host;
  self->config = host->service(host, PAXECT_SERVICE_CONFIG);
  self->clock = host->service(host, PAXECT_SERVICE_CLOCK);
  self->run = host->service(host, PAXECT_SERVICE_RUN);
  return PAXECT_PLUGIN_OK;
}

static paxect_plugin_status bad_setting(paxect_plugin_instance* self, const char* key, const char* expected) {
  snprintf(self->error, sizeof self->error, "%s: %s must be %s", self->config->describe(self->host, key), key,
           expected);
  return PAXECT_PLUGIN_CONFIG;
}

static paxect_plugin_status init(paxect_plugin_instance* self) {
  const char* key;
  for (uint32_t i = 0; (key = self->config->key_at(self->host, i)) != NULL; ++i)
    if (strcmp(key, "file") != 0 && strcmp(key, "interval_sec") != 0)
      return bad_setting(self, key, "left out: the settings are file and interval_sec");

  const char* file = self->config->get(self->host, "file", NULL);
  if (file == NULL) file = "heartbeat";
  int length = snprintf(self->file, sizeof self->file, "%s", file);
  if (length < 1 || (size_t)length >= sizeof self->file)
    return bad_setting(self, "file", "a path of 1 to 1023 bytes");
  snprintf(self->part, sizeof self->part, "%s.part", self->file);

  const char* interval = self->config->get(self->host, "interval_sec", NULL);
  char* end = NULL;
  unsigned long seconds = interval == NULL ? 60 : strtoul(interval, &end, 10);
  if (interval != NULL && (end == interval || *end != '\0' || seconds < 1 || seconds > 86400))
    return bad_setting(self, "interval_sec", "a number from 1 to 86400");
  self->interval_sec = (unsigned)seconds;
  return PAXECT_PLUGIN_OK;
}

static paxect_plugin_status start(paxect_plugin_instance* self) {
  (void)self;
  return PAXECT_PLUGIN_OK;
}

static paxect_plugin_status step(paxect_plugin_instance* self, paxect_step* result) {
  FILE* out = fopen(self->part, "w");
  int failed = out == NULL;
  if (out != NULL) {
    fprintf(out, "%" PRId64 "\n", self->clock->realtime_ns(self->host) / 1000000000);
    failed = ferror(out);
    failed = fclose(out) != 0 || failed;
  }
  if (failed || rename(self->part, self->file) != 0) {
    snprintf(self->error, sizeof self->error, "cannot write %.200s: %s", self->file, strerror(errno));
    return PAXECT_PLUGIN_CONFIG;
  }
  result->state = self->run->once(self->host) ? PAXECT_STEP_DONE : PAXECT_STEP_WAIT;
  result->wake_at_ns = self->clock->monotonic_ns(self->host) + self->interval_sec * UINT64_C(1000000000);
  return PAXECT_PLUGIN_OK;
}

static void stop(paxect_plugin_instance* self) { (void)self; }
static void destroy(paxect_plugin_instance* self) { free(self); }
static const char* error(paxect_plugin_instance* self) { return self->error; }

static const void* extension(const char* id) {
  (void)id;
  return NULL;
}

static const paxect_plugin_descriptor descriptor = {
    .magic = PAXECT_PLUGIN_MAGIC,
    .abi_major = PAXECT_PLUGIN_ABI_MAJOR,
    .abi_minor = PAXECT_PLUGIN_ABI_MINOR,
    .struct_size = sizeof(paxect_plugin_descriptor),
    .name = "heartbeat",
    .version = "1.0.0",
    .summary = "writes the time to a file periodically",
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
