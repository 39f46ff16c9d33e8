// What an exception reports, for the operator; as long as the exception exists. Allocates nothing.
#pragma once

#include <exception>
#include <new>

namespace paxect::link {

inline const char* exception_text(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ? "out of memory" : error.what();
}

}  // namespace paxect::link
