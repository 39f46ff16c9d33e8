// Publications that the server refuses: a stream is full, allows no message of this size, does not exist, or
// the permission is missing. Each stream has one condition, which begins with the first refusal and ends with
// the first message that is stored: its words stay the same while the reason does, so that attempts make no
// lines of the log. What was refused is published again by whoever published it. Instance thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "connection.h"
#include "host.h"
#include "messages.h"
#include "names.h"
#include "problems.h"

namespace paxect::carrier {

class Refusals {
 public:
  // Longer than any pause between two tries.
  static constexpr std::uint64_t kForgotten = std::uint64_t{120} * 1'000'000'000;

  Refusals(const Host& host, const Connection& connection, const Names& names, Problems* problems)
      : host_(host), connection_(connection), names_(names), problems_(*problems) {}

  // What the reply to a publication on the subject says; kFailed without one. Notes a refusal. Does not end
  // one: see end().
  Stored read(std::string_view subject, const Message* reply, std::uint64_t* sequence, std::string* reason);
  // Likewise, and ends the condition of the stream when the message is stored.
  Stored take(std::string_view subject, const Message* reply, std::uint64_t* sequence);
  void note(std::string_view subject, const std::string& reason);
  // There is no reply: it may be stored or not. Keeps the words of a stream that has refused a message.
  void note_silence(std::string_view subject);
  // A permission that is missing, in the words of the server. False when the subject is none of a stream.
  bool note_permission(std::string_view subject, const std::string& words);
  // The stream takes messages: "data".
  void end(const std::string& what);
  // Nothing is published to this stream because it refuses messages: its condition lasts.
  void renew(const std::string& what);
  // To be called now and then: what nobody has tried or renewed for kForgotten is over.
  void tend();
  std::uint64_t count() const { return count_; }

 private:
  struct Refused {
    std::string reason;
    std::string server;
    std::string subject;
    std::uint64_t last_ns = 0;
  };
  // The stream of a subject, as "data"; "" for none.
  std::string stream_of(std::string_view subject) const;
  std::string condition(const std::string& what) const;

  const Host& host_;
  const Connection& connection_;
  const Names& names_;
  Problems& problems_;
  std::map<std::string, Refused> refused_;  // by stream
  std::uint64_t count_ = 0;
};

// What an operator can do about the refusal of a message to the stream NAME, by the words of the server.
std::string remedy_of_refusal(const std::string& what, const std::string& name, std::string_view reason);

}  // namespace paxect::carrier
