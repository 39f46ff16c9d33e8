// Bytes that nobody else may see, in memory that is locked, left out of core dumps and of forked processes,
// between guard pages, and wiped when it is released.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace paxect::link {

// Copies share the bytes.
class Secret {
 public:
  explicit Secret(std::string_view bytes);
  std::string_view view() const {
    return {static_cast<const char*>(static_cast<const void*>(bytes_.get())), size_};
  }

 private:
  std::shared_ptr<const unsigned char> bytes_;
  std::size_t size_;
};

// A string that is wiped at the end: for a secret on its way from or to a file.
struct Wiped {
  std::string text;
  Wiped() = default;
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped();
};

}  // namespace paxect::link
