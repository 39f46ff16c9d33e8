// The result of an internal function that can fail: a code of core.h with the text, the byte offset and the
// frame number that the C ABI reports. A value; no thread rules.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "paxect/core.h"

namespace paxect::core {

struct [[nodiscard]] Status {
  paxect_status code = PAXECT_OK;
  std::uint64_t offset = 0;
  std::uint64_t frame = 0;
  std::string message;

  bool ok() const { return code == PAXECT_OK; }
};

inline Status failure(paxect_status code, std::string message) { return {code, 0, 0, std::move(message)}; }

// "NAME: MESSAGE: the system's words for error". The code becomes MEMORY for ENOMEM.
Status system_failure(paxect_status code, const std::string& name, const char* message, int error);

// The failure that the exception being handled stands for. Requires: inside a catch block.
Status caught() noexcept;

// The message, or a text for the code if memory for a message ran out. "" for OK.
const char* text_of(const Status& status) noexcept;

const char* status_name(paxect_status code);
int status_exit_code(paxect_status code);

}  // namespace paxect::core
