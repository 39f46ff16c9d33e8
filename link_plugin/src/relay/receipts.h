// The receipts of a receiver (PROOF.md): what became of each entry, signed, for its sender.
//
// The text of a receipt is durable in the journal before a file has its name, so that a number has one text
// for ever, whatever crash comes between. Belongs to the relay's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/tree.h"
#include "proof/receipt.h"
#include "records/journal.h"
#include "relay/reporter.h"
#include "settings/link_config.h"

namespace paxect::link {

// What a receiver says of this stream now; `number` and `previous` of its own stream.
Receipt make_receipt(const ReceivedStream& stream, const std::string& node, const std::string& own_stream,
                     std::uint64_t number, const std::string& previous, std::int64_t now,
                     std::uint64_t late_after, const LogHead& log);

class Receipts {
 public:
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Tree& inbox;
    Reporter& reporter;
    Journal& journal;
  };

  explicit Receipts(const Parts& parts) : parts_(parts) {}

  // Without a key of this node there are none.
  bool is_on() const { return parts_.config.mode == Mode::kReceive && parts_.config.sign_key.key(); }
  // Writes those whose contents have changed. What is reported in them has to be durable: the log is flushed
  // first. With `now_or_never` also what changed a moment ago.
  void issue(std::uint64_t now_ns, bool now_or_never);

 private:
  Status issue_one(std::size_t index);
  Status write(std::size_t index, const Directory& folder);
  Status open_folder(Directory* out) const;

  Parts parts_;
  std::map<std::size_t, std::string> last_;  // what the last one of a stream says, without number and time
  std::uint64_t due_ns_ = 0;
};

}  // namespace paxect::link
