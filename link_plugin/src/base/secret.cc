#include "base/secret.h"

#include <sodium.h>

#include <cstring>
#include <new>

namespace paxect::link {

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
  if (sodium_init() < 0) throw std::bad_alloc();
  auto* memory = static_cast<unsigned char*>(sodium_malloc(bytes.size()));
  if (memory == nullptr) throw std::bad_alloc();
  std::memcpy(memory, bytes.data(), bytes.size());
  sodium_mprotect_readonly(memory);
  bytes_ = std::shared_ptr<const unsigned char>(
      memory, [](const unsigned char* given) { sodium_free(const_cast<unsigned char*>(given)); });
}

Wiped::~Wiped() { sodium_memzero(text.data(), text.size()); }

}  // namespace paxect::link
