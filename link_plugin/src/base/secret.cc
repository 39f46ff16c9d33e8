#include "base/secret.h"

#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

namespace paxect::link {
namespace {

// The guard of a child process is a copy of this process that lives as long as the child, and needs no key.
void wipe_on_fork(unsigned char* memory, std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t before = reinterpret_cast<std::uintptr_t>(memory) % page;
  madvise(memory - before, before + size, MADV_WIPEONFORK);  // refused before Linux 4.14
}

}  // namespace

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
  if (sodium_init() < 0) throw std::bad_alloc();
  auto* memory = static_cast<unsigned char*>(sodium_malloc(bytes.size()));
  if (memory == nullptr) throw std::bad_alloc();
  std::memcpy(memory, bytes.data(), bytes.size());
  wipe_on_fork(memory, bytes.size());
  sodium_mprotect_readonly(memory);
  bytes_ = std::shared_ptr<const unsigned char>(
      memory, [](const unsigned char* given) { sodium_free(const_cast<unsigned char*>(given)); });
}

Wiped::~Wiped() { sodium_memzero(text.data(), text.size()); }

}  // namespace paxect::link
