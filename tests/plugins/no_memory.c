// To be preloaded: on the main thread, the allocations while the file exists that TEST_NO_MEMORY names fail.
// Each removes it, so that one file is one failure.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) void* malloc(size_t size) {
  static void* (*next)(size_t);
  static char* trigger;
  if (next == NULL) {
    next = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
    trigger = getenv("TEST_NO_MEMORY");
  }
  if (trigger != NULL && syscall(SYS_gettid) == getpid() && unlink(trigger) == 0) return NULL;
  return next(size);
}
