// Memory and threads that run out: replaces operator new, malloc and pthread_create of the whole program,
// libraries included. Link it only into a program that is made for it.
#pragma once

namespace paxect::test {

enum class Resource {
  kNew,     // operator new, which is what the library itself uses
  kMalloc,  // malloc and its relatives, which libzstd, libcrypto and operator new use
  kThread   // pthread_create
};

// Sanitizers replace malloc and pthread_create themselves.
bool can_fail(Resource resource);

// Whose requests count.
enum class Requesters {
  kAll,
  kOtherThreads  // all threads but the one that constructs the Failing
};

// While it exists, the n-th request for the resource, counted from 1, fails; with `lasting` all later ones
// too.
class Failing {
 public:
  Failing(Resource resource, long n, bool lasting, Requesters requesters = Requesters::kAll);
  ~Failing();
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;

  // Whether a request failed, also after the end of stop().
  bool happened() const;
  // Requests succeed again.
  void stop();
};

// While it exists, requests by the calling thread neither count nor fail: for the code of a test.
class Unaffected {
 public:
  Unaffected();
  ~Unaffected();
  Unaffected(const Unaffected&) = delete;
  Unaffected& operator=(const Unaffected&) = delete;
};

}  // namespace paxect::test
