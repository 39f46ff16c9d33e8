// The result of an operation of the host: success, or an exit status and one line for the operator.
#pragma once

#include <paxect/plugin.h>

#include <string>
#include <utility>

namespace paxect::host {

class [[nodiscard]] Status {
 public:
  Status() = default;
  // `code` is one of PAXECT_PLUGIN_*, but not OK; `message` is one lower-case line without a newline.
  Status(int code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == PAXECT_PLUGIN_OK; }
  int code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  int code_ = PAXECT_PLUGIN_OK;
  std::string message_;
};

// Whether a plugin may fail with this status.
inline bool is_failure_status(paxect_plugin_status status) {
  return status == PAXECT_PLUGIN_USAGE || status == PAXECT_PLUGIN_INTERNAL || status == PAXECT_PLUGIN_BUSY ||
         status == PAXECT_PLUGIN_CONFIG;
}

inline Status usage_error(std::string message) { return {PAXECT_PLUGIN_USAGE, std::move(message)}; }
inline Status config_error(std::string message) { return {PAXECT_PLUGIN_CONFIG, std::move(message)}; }
inline Status internal_error(std::string message) { return {PAXECT_PLUGIN_INTERNAL, std::move(message)}; }

}  // namespace paxect::host
