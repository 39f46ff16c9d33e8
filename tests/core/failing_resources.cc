#include "failing_resources.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PAXECT_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PAXECT_TEST_SANITIZED 1
#endif
#endif

#define PAXECT_TEST_VISIBLE __attribute__((visibility("default")))

namespace paxect::test {
namespace {

struct Plan {
  std::atomic<bool> armed{false};
  std::atomic<Resource> resource{Resource::kNew};
  std::atomic<long> left{0};  // until the one that fails
  std::atomic<bool> lasting{false};
  std::atomic<bool> happened{false};
};
Plan plan;
thread_local int unaffected = 0;
thread_local bool exempt = false;  // this thread constructed a Failing for the other threads

bool fails(Resource resource) {
  if (!plan.armed || unaffected != 0 || exempt || plan.resource != resource) return false;
  long left = --plan.left;
  bool failed = left == 0 || (left < 0 && plan.lasting);
  if (!failed) return false;
  plan.happened = true;
  errno = ENOMEM;
  return true;
}

}  // namespace

bool can_fail([[maybe_unused]] Resource resource) {
#ifdef PAXECT_TEST_SANITIZED
  return resource == Resource::kNew;
#else
  return true;
#endif
}

Failing::Failing(Resource resource, long n, bool lasting, Requesters requesters) {
  exempt = requesters == Requesters::kOtherThreads;
  plan.resource = resource;
  plan.left = n;
  plan.lasting = lasting;
  plan.happened = false;
  plan.armed = true;
}
Failing::~Failing() { stop(); }
bool Failing::happened() const { return plan.happened; }
void Failing::stop() {
  plan.armed = false;
  exempt = false;
}

Unaffected::Unaffected() { ++unaffected; }
Unaffected::~Unaffected() { --unaffected; }

}  // namespace paxect::test

using paxect::test::fails;
using paxect::test::Resource;

PAXECT_TEST_VISIBLE void* operator new(std::size_t size) {
  void* memory = fails(Resource::kNew) ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
PAXECT_TEST_VISIBLE void operator delete(void* memory) noexcept { std::free(memory); }
PAXECT_TEST_VISIBLE void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#ifndef PAXECT_TEST_SANITIZED

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);

PAXECT_TEST_VISIBLE void* malloc(std::size_t size) {
  return fails(Resource::kMalloc) ? nullptr : __libc_malloc(size);
}
PAXECT_TEST_VISIBLE void* calloc(std::size_t count, std::size_t size) {
  return fails(Resource::kMalloc) ? nullptr : __libc_calloc(count, size);
}
PAXECT_TEST_VISIBLE void* realloc(void* memory, std::size_t size) {
  return fails(Resource::kMalloc) ? nullptr : __libc_realloc(memory, size);
}

PAXECT_TEST_VISIBLE int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                       void* (*start)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const Create create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return fails(Resource::kThread) ? EAGAIN : create(thread, attributes, start, argument);
}

}  // extern "C"

#endif
