// Whether the store of the servers has been one and the same since a job was published.
//
// The stream SUBJECT_epoch is in memory: it ends with the process that has it (with the majority of the
// processes, when it is replicated), as the only thing of the store. Who finds it empty publishes a random
// number there, and the first one wins. Two equal numbers are one continuous store. Rejected: the identity of
// the server that one is connected to, which behind a leaf node is not the one with the store.
#pragma once

#include <cstdint>
#include <string>

#include "exchange.h"
#include "names.h"
#include "refusals.h"

namespace paxect::carrier {

class Epoch {
 public:
  Epoch(const Host& host, Exchange* exchange, const Names& names, Refusals* refusals)
      : host_(host), exchange_(*exchange), names_(names), refusals_(*refusals) {}

  // 16 hexadecimal digits; "" while it is not known.
  const std::string& value() const { return value_; }
  // Since when a question that was sent has no answer, nor any question after it; 0: there is none. Who does
  // not ask is not answered either.
  std::uint64_t unanswered_since_ns() const { return unanswered_since_ns_; }
  // Begins to count that time at the next question.
  void forget_silence() { unanswered_since_ns_ = 0; }
  // Forgets it, for a new connection.
  void reset();
  // Asks for it once a second, without waiting. `*missing` says that the stream is not there.
  void poll(bool* missing);
  // Asks for it now and waits. False when there was no answer; value() is "" then.
  bool read(const std::function<bool()>& pulse);

 private:
  void note_question();
  void take(const Message& reply);
  void publish();

  const Host& host_;
  Exchange& exchange_;
  const Names& names_;
  Refusals& refusals_;
  std::string value_;
  bool missing_ = false;
  bool asked_ = false;
  std::uint64_t next_ns_ = 0;
  std::uint64_t unanswered_since_ns_ = 0;
};

}  // namespace paxect::carrier
