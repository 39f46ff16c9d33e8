// The border to code of plugins: no exception passes it.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <string>

namespace paxect::host {

inline constexpr const char* kOutOfMemory = "ran out of memory";

// Calls `work`. Returns a description of the exception that it threw, or nothing.
template <typename Work>
std::optional<std::string> guarded(Work&& work) {
  try {
    work();
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return std::string(kOutOfMemory);
  } catch (const std::exception& exception) {
    return std::string("threw an exception: ") + exception.what();
  } catch (...) {
    return std::string("threw an exception of an unknown type");
  }
}

}  // namespace paxect::host
