// The border to code of others: nothing that a plugin throws gets past it.
#pragma once

#include <exception>
#include <optional>
#include <string>

namespace paxect::host {

// Calls `work`. An exception becomes a text in the result, for a message; without one it is empty.
template <typename Work>
std::optional<std::string> guarded(Work&& work) {
  try {
    work();
    return std::nullopt;
  } catch (const std::exception& exception) {
    return std::string("threw an exception: ") + exception.what();
  } catch (...) {
    return std::string("threw an exception of an unknown type");
  }
}

}  // namespace paxect::host
