// Whether something worked, with the line for the operator when it did not.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace paxect::carrier {

class Status {
 public:
  static Status success() { return {}; }
  static Status failure(std::string message) {
    Status status;
    status.message_ = std::move(message);
    return status;
  }
  // "cannot open x: No such file or directory"
  static Status system(const std::string& what, int error = errno) {
    Status status = failure(what + ": " + std::generic_category().message(error));
    status.error_ = error;
    return status;
  }
  // Of the server, which did not reply in time.
  static Status silence(std::string message) {
    Status status = failure(std::move(message));
    status.error_ = ETIMEDOUT;
    return status;
  }
  // Of the server, whose cluster cannot do it now.
  static Status unavailable(std::string message) {
    Status status = failure(std::move(message));
    status.error_ = EAGAIN;
    return status;
  }
  bool ok() const { return message_.empty(); }
  const std::string& message() const { return message_; }
  // The errno of a failed system call; 0 for another failure.
  int error() const { return error_; }
  bool is_silence() const { return error_ == ETIMEDOUT; }
  bool is_unavailable() const { return error_ == EAGAIN; }

 private:
  std::string message_;
  int error_ = 0;
};

}  // namespace paxect::carrier
