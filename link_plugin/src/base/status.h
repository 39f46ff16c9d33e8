// What a function of link reports when it fails, and whose fault it is. The relay decides by the fault alone
// what happens to the file.
#pragma once

#include <string>
#include <utility>

namespace paxect::link {

enum class Fault {
  kNone,
  kChanged,  // the source changed while it was read: the work is discarded, and the file is tried again
  kOpenForWriting,  // a process has the source open for writing: the file waits until it is closed
  kGone,            // the source does not exist any more
  kWait,            // something that the operation needs is busy
  kDelivered,       // the content shows that the file was delivered before
  kBlocked,         // the policy does not allow the file
  kRefused,         // the content cannot be processed; tried again max_attempts times
  kIntegrity,       // the content is provably damaged
  kEnvironment,     // our own disk, directories, memory or descriptors: never the fault of the file
  kStopped          // the host wants to stop
};

// Success, or a fault with the event to log it under and one line for the operator.
struct [[nodiscard]] Status {
  Fault fault = Fault::kNone;
  std::string event = {};
  std::string message = {};

  bool ok() const { return fault == Fault::kNone; }

  // One for each fault. An event that is left out is the one that files with this fault are logged under.
  static Status success() { return {}; }
  static Status changed(std::string message) { return changed("changed", std::move(message)); }
  static Status changed(std::string event, std::string message) {
    return {Fault::kChanged, std::move(event), std::move(message)};
  }
  static Status open_for_writing(std::string message) {
    return {Fault::kOpenForWriting, "changed", std::move(message)};
  }
  static Status gone(std::string message) { return {Fault::kGone, "read_error", std::move(message)}; }
  static Status wait(std::string message) { return wait("deferred", std::move(message)); }
  static Status wait(std::string event, std::string message) {
    return {Fault::kWait, std::move(event), std::move(message)};
  }
  static Status delivered() { return {.fault = Fault::kDelivered}; }
  static Status blocked(std::string reason) { return {Fault::kBlocked, "policy_block", std::move(reason)}; }
  static Status refused(std::string event, std::string message) {
    return {Fault::kRefused, std::move(event), std::move(message)};
  }
  // What an operator or another program wrote and we cannot use: a setting, an argument, a JSON text. It
  // never concerns a file of the inbox, so it has no event.
  static Status invalid(std::string message) { return refused("", std::move(message)); }
  static Status integrity(std::string event, std::string message) {
    return {Fault::kIntegrity, std::move(event), std::move(message)};
  }
  static Status environment(std::string message) { return environment("deferred", std::move(message)); }
  static Status environment(std::string event, std::string message) {
    return {Fault::kEnvironment, std::move(event), std::move(message)};
  }
  static Status stopped(std::string message = "stopped") {
    return {Fault::kStopped, "stopped", std::move(message)};
  }
};

}  // namespace paxect::link
