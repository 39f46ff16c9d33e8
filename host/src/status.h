// The result of an operation of the host: success, or an exit status and a line for the operator for each
// fault.
#pragma once

#include <paxect/plugin.h>

#include <string>
#include <utility>
#include <vector>

namespace paxect::host {

class [[nodiscard]] Status {
 public:
  Status() = default;
  // `code` is one of PAXECT_PLUGIN_*, but not OK; `message` is one lower-case line without a newline.
  Status(int code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == PAXECT_PLUGIN_OK; }
  int code() const { return code_; }
  // The first line; empty for a success.
  const std::string& message() const { return message_; }
  // The others, of an operation that looks for every fault.
  const std::vector<std::string>& further_messages() const { return further_messages_; }

  // Adds the lines of another failure; the first one decides the code.
  void add(Status other) {
    if (other.ok()) return;
    if (ok()) {
      *this = std::move(other);
      return;
    }
    further_messages_.push_back(std::move(other.message_));
    for (std::string& line : other.further_messages_) further_messages_.push_back(std::move(line));
  }

 private:
  int code_ = PAXECT_PLUGIN_OK;
  std::string message_;
  std::vector<std::string> further_messages_;
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
