#include "status.h"

#include <cerrno>
#include <new>
#include <system_error>

#include "digest.h"

namespace paxect::core {

Status system_failure(paxect_status code, const std::string& name, const char* message, int error) {
  if (error == ENOMEM) code = PAXECT_ERROR_MEMORY;
  return failure(code, name + ": " + message + ": " + std::generic_category().message(error));
}

Status caught() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {PAXECT_ERROR_MEMORY, 0, 0, {}};
  } catch (const std::exception& error) {
    try {
      if (dynamic_cast<const DigestUnavailable*>(&error) != nullptr)
        return failure(PAXECT_ERROR_CRYPTO, error.what());
      return failure(PAXECT_ERROR_INTERNAL, std::string("internal error: ") + error.what());
    } catch (...) {
      return {PAXECT_ERROR_INTERNAL, 0, 0, {}};
    }
  } catch (...) {
    return {PAXECT_ERROR_INTERNAL, 0, 0, {}};
  }
}

const char* text_of(const Status& status) noexcept {
  if (status.ok() || !status.message.empty()) return status.message.c_str();
  if (status.code == PAXECT_ERROR_MEMORY) return "out of memory";
  if (status.code == PAXECT_ERROR_INTERNAL) return "internal error";
  return status_name(status.code);
}

const char* status_name(paxect_status code) {
  switch (code) {
#define PAXECT_NAME(name) \
  case name:              \
    return #name
    PAXECT_NAME(PAXECT_OK);
    PAXECT_NAME(PAXECT_ERROR_ARGUMENT);
    PAXECT_NAME(PAXECT_ERROR_PARAMETER);
    PAXECT_NAME(PAXECT_ERROR_SEQUENCE);
    PAXECT_NAME(PAXECT_ERROR_BUFFER_TOO_SMALL);
    PAXECT_NAME(PAXECT_ERROR_MEMORY);
    PAXECT_NAME(PAXECT_ERROR_CANCELLED);
    PAXECT_NAME(PAXECT_ERROR_CRYPTO);
    PAXECT_NAME(PAXECT_ERROR_INTERNAL);
    PAXECT_NAME(PAXECT_ERROR_OPEN);
    PAXECT_NAME(PAXECT_ERROR_READ);
    PAXECT_NAME(PAXECT_ERROR_WRITE);
    PAXECT_NAME(PAXECT_ERROR_SAME_FILE);
    PAXECT_NAME(PAXECT_ERROR_SOURCE);
    PAXECT_NAME(PAXECT_ERROR_SINK);
    PAXECT_NAME(PAXECT_ERROR_MAGIC);
    PAXECT_NAME(PAXECT_ERROR_VERSION);
    PAXECT_NAME(PAXECT_ERROR_HEADER);
    PAXECT_NAME(PAXECT_ERROR_TRUNCATED);
    PAXECT_NAME(PAXECT_ERROR_FRAME_HEADER);
    PAXECT_NAME(PAXECT_ERROR_PAYLOAD);
    PAXECT_NAME(PAXECT_ERROR_DECOMPRESS);
    PAXECT_NAME(PAXECT_ERROR_CRC);
    PAXECT_NAME(PAXECT_ERROR_COUNTS);
    PAXECT_NAME(PAXECT_ERROR_TRAILING);
    PAXECT_NAME(PAXECT_ERROR_EXTENSION);
    PAXECT_NAME(PAXECT_ERROR_LIMIT);
    PAXECT_NAME(PAXECT_ERROR_NO_PROTECTION);
    PAXECT_NAME(PAXECT_ERROR_NOTHING);
    PAXECT_NAME(PAXECT_ERROR_DIGEST);
    PAXECT_NAME(PAXECT_ERROR_DIFFERENT);
    PAXECT_NAME(PAXECT_ERROR_PARTIAL);
    PAXECT_NAME(PAXECT_ERROR_DAMAGED);
#undef PAXECT_NAME
    default:
      return "PAXECT_ERROR_UNKNOWN";
  }
}

int status_exit_code(paxect_status code) {
  if (code == PAXECT_OK) return 0;
  if (code >= PAXECT_ERROR_DIGEST && code <= PAXECT_ERROR_DAMAGED) return 2;
  if (code >= PAXECT_ERROR_MAGIC && code < PAXECT_ERROR_DIGEST) return 4;
  if (code == PAXECT_ERROR_ARGUMENT || code == PAXECT_ERROR_PARAMETER) return 64;
  if (code == PAXECT_ERROR_INTERNAL || code == PAXECT_ERROR_SEQUENCE) return 70;
  return 3;
}

}  // namespace paxect::core
