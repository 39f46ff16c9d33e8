// How the stages of the relay say what went wrong and whose fault it is: the relay decides by the fault alone
// what becomes of the file.
#pragma once

#include <string>
#include <utility>

namespace paxect::link {

enum class Fault {
  kNone,
  kChanged,         // the source changed while it was read: thrown away, waits for the next quiet look
  kOpenForWriting,  // somebody has the source open for writing: waits until it is closed
  kGone,            // the source is not there any more
  kWait,            // not now: something it needs is busy or has not settled
  kDelivered,       // the content shows that it was delivered already
  kBlocked,         // the policy says no
  kRefused,         // the content cannot be processed; tried again a few times
  kIntegrity,       // the content is provably damaged
  kEnvironment,     // our own disk, directories or descriptors: never the file's fault
  kStopped          // the host wants to stop
};

// Success, or a fault with the event to log it under and one line for the operator.
struct [[nodiscard]] Status {
  Fault fault = Fault::kNone;
  std::string event = {};
  std::string message = {};

  bool ok() const { return fault == Fault::kNone; }

  static Status success() { return {}; }
  static Status failure(Fault fault, std::string event, std::string message) {
    return {fault, std::move(event), std::move(message)};
  }
  static Status environment(std::string message) {
    return {Fault::kEnvironment, "deferred", std::move(message)};
  }
};

}  // namespace paxect::link
