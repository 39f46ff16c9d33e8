/* SPDX-License-Identifier: Apache-2.0
 *
 * paxect/plugin.h - the interface between the paxect host and a plugin.
 * ABI.md beside it in the sources has the life cycle as a table, the version and the loading rules.
 *
 * Plain C, header only. A plugin is a shared object NAME.so that exports one function, paxect_plugin_query.
 *
 * Conventions
 *  1. The host owns threads, signals, time and the process. A plugin starts no thread that outlives `stop`,
 *     installs no signal handler, changes no environment variable, and never calls exit or abort.
 *  2. Each instance has one thread, the instance thread. The host makes all calls to an instance on it, from
 *     create to destroy, and never two at once. Tags: [instance] on the instance thread only; [any] on any
 *     thread.
 *  3. Strings and arrays are borrowed: a returned one stays valid until the next call on the same instance or
 *     service, an argument for the duration of the call. No ownership crosses.
 *  4. Structures begin with `struct_size`: the size that the side which fills it knows. A reader reads no
 * field beyond it. Fields are only ever added at the end.
 *  5. No exception crosses, either way: each side catches everything of its own.
 *  6. Functions that can fail return a paxect_plugin_status; its values are exit statuses of the host
 *     command.
 *  7. SIGTERM, SIGINT and SIGHUP are blocked in instance threads, SIGPIPE and SIGXFSZ are ignored. A plugin
 * that starts another program resets these five for it.
 */
#ifndef PAXECT_PLUGIN_H
#define PAXECT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A plugin runs in a host with the same MAJOR and the same or a higher MINOR. */
#define PAXECT_PLUGIN_ABI_MAJOR 1
#define PAXECT_PLUGIN_ABI_MINOR 0
/* Both in one number, as paxect_plugin_query receives it. */
#define PAXECT_PLUGIN_ABI ((uint32_t)PAXECT_PLUGIN_ABI_MAJOR << 16 | (uint32_t)PAXECT_PLUGIN_ABI_MINOR)
#define PAXECT_PLUGIN_MAGIC 0x4c505850u /* "PXPL" */
/* A plugin watches at most this many descriptors at once. */
#define PAXECT_PLUGIN_WATCHES_MAX 256

#if defined(__GNUC__)
#define PAXECT_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define PAXECT_PLUGIN_EXPORT
#endif

typedef int32_t paxect_plugin_status;
enum {
  PAXECT_PLUGIN_OK = 0,
  PAXECT_PLUGIN_INCOMPLETE = 1, /* an outcome, not a failure: something was blocked or is still pending */
  PAXECT_PLUGIN_USAGE = 64,     /* wrong arguments */
  PAXECT_PLUGIN_INTERNAL = 70,  /* a defect, or an exception caught at the border */
  PAXECT_PLUGIN_BUSY = 75,      /* held by another process: try again later */
  PAXECT_PLUGIN_CONFIG = 78     /* settings or a policy that cannot be used */
};

/* ---- What the host offers ------------------------------------------------------------------------------ */

/* One per instance, valid from create until destroy has returned. */
typedef struct paxect_host {
  size_t struct_size;
  uint32_t abi; /* PAXECT_PLUGIN_ABI of the host */
  void* opaque; /* the host's own */
  /* The service of this id, a pointer to the structure named beside the id, or NULL when this host has none.
   * Valid as long as the host. [any] */
  const void* (*service)(const struct paxect_host* host, const char* id);
} paxect_host;

#define PAXECT_SERVICE_LOG "paxect.log/1" /* paxect_log_service */
enum { PAXECT_LOG_DEBUG = 0, PAXECT_LOG_INFO = 1, PAXECT_LOG_WARN = 2, PAXECT_LOG_ERROR = 3 };
typedef struct paxect_log_service {
  size_t struct_size;
  /* Writes one line for the operator, without the newline. The host escapes control characters and puts the
   * instance's name before it. [any] */
  void (*write)(const paxect_host* host, int32_t level, const char* message);
} paxect_log_service;

#define PAXECT_SERVICE_CLOCK "paxect.clock/1" /* paxect_clock_service */
typedef struct paxect_clock_service {
  size_t struct_size;
  /* Nanoseconds on a clock that never goes back, the one that wake_at_ns is on. [any] */
  uint64_t (*monotonic_ns)(const paxect_host* host);
  /* Nanoseconds since 1970-01-01 00:00:00 UTC; may jump. [any] */
  int64_t (*realtime_ns)(const paxect_host* host);
} paxect_clock_service;

#define PAXECT_SERVICE_RUN "paxect.run/1" /* paxect_run_service */
typedef struct paxect_run_service {
  size_t struct_size;
  /* Not 0 once a stop was requested: long work in `step` asks regularly and then returns soon. Each call also
   * counts as a sign of life of the instance, in every function of the life cycle. [any] */
  int32_t (*stop_requested)(const paxect_host* host);
  /* Not 0 when the host runs with --once: `step` then returns PAXECT_STEP_DONE when nothing is ready. [any]
   */
  int32_t (*once)(const paxect_host* host);
} paxect_run_service;

#define PAXECT_SERVICE_CONFIG "paxect.config/1" /* paxect_config_service */
enum {
  PAXECT_ORIGIN_NONE = 0,
  PAXECT_ORIGIN_FILE = 1,        /* the instance's section of the config file */
  PAXECT_ORIGIN_ENVIRONMENT = 2, /* PAXECT_SECTION_KEY */
  PAXECT_ORIGIN_COMMAND_LINE = 3 /* --set SECTION.KEY=VALUE */
};
typedef struct paxect_config_service {
  size_t struct_size;
  /* The name of the instance, which is that of its section: [a-z][a-z0-9_-]{0,63}. [instance] */
  const char* (*instance_name)(const paxect_host* host);
  /* The value of a key from the first origin that has it: command line, environment, file. NULL when none
   * has. `origin`, if not NULL, receives PAXECT_ORIGIN_*. [instance] */
  const char* (*get)(const paxect_host* host, const char* key, int32_t* origin);
  /* The index-th key that the file or the command line has for this instance, or NULL past the last: for a
   * plugin to refuse the keys that it does not know. The host's own key `plugin` is not among them.
   * [instance] */
  const char* (*key_at)(const paxect_host* host, uint32_t index);
  /* Where a key's value comes from, for messages: "paxect.conf:12", "PAXECT_LINK_MODE", "--set link.mode";
   * "default" when no origin has it. [instance] */
  const char* (*describe)(const paxect_host* host, const char* key);
} paxect_config_service;

#define PAXECT_SERVICE_SECRETS "paxect.secrets/1" /* paxect_secrets_service */
typedef struct paxect_secrets_service {
  size_t struct_size;
  /* This process has secrets in its memory from now on: the kernel writes no core dump of it, and no other
   * process of its user may trace it. Cannot be undone. [any] */
  void (*hold)(const paxect_host* host);
} paxect_secrets_service;

#define PAXECT_SERVICE_SANDBOX "paxect.sandbox/1" /* paxect_sandbox_service */
enum {
  PAXECT_ACCESS_READ = 1,
  PAXECT_ACCESS_WRITE = 2, /* contents, and names: new, removed and renamed files and directories */
  PAXECT_ACCESS_EXECUTE = 4
};
typedef struct paxect_access {
  const char* path; /* a directory with all below it, or a file; one that does not exist is skipped */
  uint32_t rights;  /* PAXECT_ACCESS_* */
  uint32_t reserved;
} paxect_access;
typedef struct paxect_sandbox_service {
  size_t struct_size;
  /* Restricts the instance thread, and the threads and programs that it starts from then on, to the files
   * below these paths. Cannot be undone. Open descriptors stay usable. A rule belongs to the directory that
   * exists at the path now: one that replaces it is reached only through a rule for a directory above.
   * Returns 0, or an errno, and then nothing has changed: ENOSYS or EOPNOTSUPP where the system cannot do it.
   * [instance] */
  int32_t (*confine)(const paxect_host* host, const paxect_access* paths, uint32_t count);
} paxect_sandbox_service;

#define PAXECT_SERVICE_CLAIMS "paxect.claims/1" /* paxect_claims_service; not while a command runs */
typedef struct paxect_claims_service {
  size_t struct_size;
  /* Claims a resource, by a text that names it, for this instance alone until the run ends. Returns NULL, or
   * the name of the instance of this process that has claimed it already: two sections were given the same
   * lock file, for instance, which `init` then refuses with both names. Says nothing about other processes.
   * [instance] */
  const char* (*claim)(const paxect_host* host, const char* resource);
} paxect_claims_service;

#define PAXECT_SERVICE_OUTPUT "paxect.output/1" /* paxect_output_service; only while a command runs */
typedef struct paxect_output_service {
  size_t struct_size;
  /* Writes bytes to standard output, unchanged. Not 0 when they cannot be written; the command may then end.
   * [instance] */
  int32_t (*write)(const paxect_host* host, const char* data, size_t size);
} paxect_output_service;

#define PAXECT_SERVICE_SECTIONS "paxect.sections/1" /* paxect_sections_service; not while a command runs */
typedef struct paxect_sections_service {
  size_t struct_size;
  /* The name of the index-th section of the configuration, that of this instance among them, or NULL past the
   * last. [any] */
  const char* (*name_at)(const paxect_host* host, uint32_t index);
  /* The path of `paxect`, then the options with which it reads the configuration of this run, then NULL.
   * PATH SECTION OPTION... COMMAND ARGUMENT... runs a command as a program of its own, in this working
   * directory and environment. NULL where the path of the program is not known. [any] */
  const char* const* (*command_line)(const paxect_host* host);
} paxect_sections_service;

/* ---- What a plugin offers ------------------------------------------------------------------------------ */

typedef struct paxect_plugin_instance paxect_plugin_instance; /* the plugin's own */

enum {
  PAXECT_STEP_AGAIN = 0, /* more work is ready: call again at once */
  PAXECT_STEP_WAIT = 1,  /* call again at wake_at_ns, or when a watch is ready */
  PAXECT_STEP_DONE = 2   /* nothing more to do: stop the instance; `outcome` becomes the exit status */
};

/* A descriptor to wait for. The host polls it and does not report which was ready: the plugin reads without
 * blocking. It must be open while the host waits; a negative one is skipped. */
typedef struct paxect_watch {
  int32_t fd;
  int16_t events; /* as poll(2) takes them */
  int16_t reserved;
} paxect_watch;

/* Filled by `step`; the host sets struct_size and zeroes the rest before each call. */
typedef struct paxect_step {
  size_t struct_size;
  int32_t state;               /* PAXECT_STEP_* */
  int32_t outcome;             /* with DONE: PAXECT_PLUGIN_OK or PAXECT_PLUGIN_INCOMPLETE */
  uint64_t wake_at_ns;         /* with WAIT: on the monotonic clock; UINT64_MAX: never */
  const paxect_watch* watches; /* with WAIT: descriptors of the plugin's; borrowed until the next call */
  uint32_t watch_count;
  uint32_t reserved;
} paxect_step;

typedef struct paxect_plugin_descriptor {
  /* Frozen for all versions: what a host needs to refuse a plugin that it cannot run. */
  uint32_t magic;       /* PAXECT_PLUGIN_MAGIC */
  uint16_t abi_major;   /* PAXECT_PLUGIN_ABI_MAJOR */
  uint16_t abi_minor;   /* PAXECT_PLUGIN_ABI_MINOR */
  uint32_t struct_size; /* sizeof(paxect_plugin_descriptor) */
  uint32_t reserved;

  const char* name;    /* as in its file name */
  const char* version; /* the plugin's own, "1.0.0" */
  const char* summary; /* one line, for `paxect plugins` */

  /* Life cycle. Each is called once and in this order for an instance, except step, which is called as often
   * as it requests; destroy also after a create that succeeded and any later failure, stop also after a start
   * that failed. Of several instances, none starts before all are initialised. All [instance]. */

  /* Makes an instance, which keeps `host`. Reads no settings yet. When it fails there is no instance to ask
   * for the error: it reports the reason through the log service and leaves *out NULL. */
  paxect_plugin_status (*create)(const paxect_host* host, paxect_plugin_instance** out);
  /* Reads and validates every setting: the host warns of a variable that looks like a setting but was not
   * read. Changes nothing outside the process: `paxect check` ends here. */
  paxect_plugin_status (*init)(paxect_plugin_instance* instance);
  /* Acquires what it needs: directories, locks, descriptors. */
  paxect_plugin_status (*start)(paxect_plugin_instance* instance);
  /* Does a bounded piece of work and stores in *result when to call it next. A failure stops the instance,
   * and with it the run. (PAXECT_PLUGIN_INCOMPLETE is an outcome, never a status that a function returns.) */
  paxect_plugin_status (*step)(paxect_plugin_instance* instance, paxect_step* result);
  /* Finishes or cleanly abandons work in progress, and releases what start acquired. */
  void (*stop)(paxect_plugin_instance* instance);
  /* Frees the instance. NULL does nothing. */
  void (*destroy)(paxect_plugin_instance* instance);
  /* One line about the last failure, "" when there was none. The host logs it behind the instance's name. */
  const char* (*error)(paxect_plugin_instance* instance);

  /* The optional interface with this id, or NULL when the plugin does not have it. [any] */
  const void* (*extension)(const char* id);
} paxect_plugin_descriptor;

/* ---- Extensions of a plugin, each optional ------------------------------------------------------------- */

#define PAXECT_EXTENSION_COMMANDS "paxect.commands/1" /* paxect_commands_extension */
typedef struct paxect_command {
  size_t struct_size;
  const char* name;      /* [a-z][a-z0-9_-]{0,63} */
  const char* arguments; /* what may follow the name, for the list: "[LOG]... [--json]"; "" for nothing */
  const char* summary;   /* one line */
} paxect_command;
/* Commands for the operator: `paxect SECTION NAME [ARGUMENT]...`. They may run while another process runs an
 * instance of the same section. */
typedef struct paxect_commands_extension {
  size_t struct_size;
  /* The index-th command, static, or NULL past the last. [any] */
  const paxect_command* (*command_at)(uint32_t index);
  /* Runs one for a section, without an instance of it: `host` has the services with the section's settings,
   * and paxect.output/1. argv[0] is the name, argv[argc] NULL. Returns PAXECT_PLUGIN_OK, INCOMPLETE when not
   * all is as it should be, or a failure, which it has reported through the log service. Called on one
   * thread, which counts as the instance thread. */
  paxect_plugin_status (*run)(const paxect_host* host, int32_t argc, const char* const* argv);
} paxect_commands_extension;

#define PAXECT_EXTENSION_RELOAD "paxect.reload/1" /* paxect_reload_extension */
typedef struct paxect_reload_extension {
  size_t struct_size;
  /* Called after SIGHUP: reads again what the instance read in start. Called between start and stop, never
   * during a step; several signals may become one call. A failure leaves the instance as it was and is logged
   * with the text of `error`; only PAXECT_PLUGIN_INTERNAL ends the run, like a step that fails. [instance] */
  paxect_plugin_status (*reload)(paxect_plugin_instance* instance);
} paxect_reload_extension;

/* ---- The export ---------------------------------------------------------------------------------------- */

/* The one function that a plugin exports. Returns its descriptor, static and the same at every call, or NULL
 * if it cannot run with `host_abi`. No side effects. [any] */
typedef const paxect_plugin_descriptor* (*paxect_plugin_query_function)(uint32_t host_abi);
PAXECT_PLUGIN_EXPORT const paxect_plugin_descriptor* paxect_plugin_query(uint32_t host_abi);
#define PAXECT_PLUGIN_QUERY_SYMBOL "paxect_plugin_query"

#ifdef __cplusplus
}
#endif

#endif /* PAXECT_PLUGIN_H */
