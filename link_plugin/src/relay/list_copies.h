// Lists on their way to a second folder, `proof_also`, which may be away: that holds up neither containers
// nor lists. They wait in memory; the journal has their lists until they are copied. Not for two threads at a
// time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/host.h"
#include "relay/own_lists.h"
#include "relay/reporter.h"
#include "settings/link_config.h"

namespace paxect::link {

class ListCopies {
 public:
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Reporter& reporter;
  };

  explicit ListCopies(const Parts& parts) : parts_(parts) {}

  // A list that is in the outbox. Without a second folder nothing is to be done.
  void add(OwnList list);
  bool empty() const { return copies_.empty(); }
  // When the folder is to be tried again.
  std::uint64_t retry_ns() const { return retry_ns_; }
  // Whether it may be tried now, and something is to be copied.
  bool is_due() const { return !copies_.empty() && parts_.host.monotonic_ns() >= retry_ns_; }
  void copy();
  // The first list of this stream that waits.
  std::optional<std::uint64_t> first_of(const std::string& stream) const;

  static constexpr std::size_t kMaxCopies = 1000;  // that wait; they are in memory

 private:
  Parts parts_;
  std::deque<OwnList> copies_;
  std::uint64_t retry_ns_ = 0;
  bool has_swept_ = false;  // what an earlier process left in the folder
};

}  // namespace paxect::link
