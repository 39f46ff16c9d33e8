/* Preloaded into a program: its malloc, calloc and realloc fail by number. PAXECT_TEST_MALLOC=N: the N-th
 * call, counted from 1; with PAXECT_TEST_MALLOC_LASTING all later ones too. PAXECT_TEST_MALLOC_COUNT=FD:
 * their number is written to the descriptor at the end. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);

static atomic_long calls;
static atomic_long failing = -1; /* not read from the environment yet */
static atomic_int lasting;

static int fails(void) {
  if (failing < 0) {
    const char* number = getenv("PAXECT_TEST_MALLOC");
    lasting = getenv("PAXECT_TEST_MALLOC_LASTING") != NULL;
    failing = number == NULL ? 0 : atol(number);
  }
  long call = ++calls;
  if (failing == 0 || (lasting ? call < failing : call != failing)) return 0;
  errno = ENOMEM;
  return 1;
}

#pragma GCC visibility push(default)
void* malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void* realloc(void* memory, size_t size) { return fails() ? NULL : __libc_realloc(memory, size); }
#pragma GCC visibility pop

__attribute__((destructor)) static void report(void) {
  const char* fd = getenv("PAXECT_TEST_MALLOC_COUNT");
  if (fd != NULL) dprintf(atoi(fd), "%ld\n", (long)calls);
}
