// The settings of one relay, read once through the host's config service. (table: DESIGN.md)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/host.h"
#include "base/relay_paths.h"
#include "settings/hmac_key.h"
#include "settings/ignore_list.h"
#include "settings/sign_key.h"

namespace paxect::link {

enum class Mode { kRelay, kSend, kReceive };

// What a receiver makes of the lists of its senders.
enum class ProofMode { kOff, kCheck, kRequire };

enum class SandboxMode { kAuto, kOff, kRequire };

// A core that is another program.
struct ExternalCore {
  std::string line;                  // as the administrator wrote it
  std::vector<std::string> command;  // its words; empty: the built-in core
  std::uint64_t timeout_ns = 0;      // for a file, and a second more for each MiB of it; 0: none

  // "core 'LINE'", for messages; a long line is cut.
  std::string name() const;
};

// How the built-in core encodes.
struct Encoding {
  std::int64_t level = 5;
  std::int64_t frame_size = 1048576;
  std::int64_t channels = 1;  // or PAXECT_CHANNELS_AUTO
  std::int64_t protect = 0;   // percent of a container that may be damaged; 0: no protection
};

// How long a sender keeps the sources of what it sent.
enum class Keep {
  kNo,
  kReceipt,  // until every receiver says that it delivered the container
  kDuration
};

struct LinkConfig {
  std::string node;  // what this relay is called in manifests and in trusted_nodes
  Mode mode = Mode::kRelay;
  std::string inbox;
  std::string outbox;
  std::string policy;
  std::string manifest;
  std::string log;
  std::uint64_t log_max = 0;
  std::string lock;
  bool locks_needed =
      true;           // false: the operator vouches for there being one relay where nothing can be locked
  std::string state;  // path that the names of the relay's own records begin with: journal, status
  bool outbox_is_mount = false;
  std::uint64_t poll_ns = 0;
  std::uint64_t backoff_ns = 0;
  HmacKey hmac_key;
  std::string key_problem;  // why there is no key although one is configured; "" when there is, or none is
  SignKey sign_key;
  std::string sign_key_problem;     // the same for sign_key
  std::string peers;                // folder of the pinned keys
  std::vector<std::string> to;      // whom lists are for; empty: whoever has them
  std::uint64_t within = 0;         // seconds in which the next list follows
  std::uint64_t list_delay_ns = 0;  // of a list while nothing else is sent
  std::optional<ProofMode> proof;   // none: by what is pinned
  std::uint64_t late_after = 0;     // seconds after which a listed file is missing
  std::uint64_t max_jump = 0;       // lists of a stream that may be missing before one that is taken
  std::string receipts;     // folder that receipts are written to; "": the one that the lists come from
  std::string receipts_in;  // folder that receipts come to; "": none
  Keep keep = Keep::kNo;
  std::int64_t keep_s = 0;  // of kDuration
  std::string proof_also;   // a second folder for lists; "": none
  ExternalCore core;
  std::string quarantine;
  std::string metrics_file;  // "": none
  SandboxMode sandbox = SandboxMode::kAuto;
  Naming naming = Naming::kStem;
  bool recursive = false;
  std::uint64_t settle_ns = 0;
  std::uint64_t min_age_ns = 0;
  IgnoreList ignore;
  Encoding encoding;
  unsigned max_attempts = 0;
  std::vector<std::string> warnings;  // what works, but had better be otherwise
};

std::string_view name_of(Mode mode);
std::string_view name_of(ProofMode mode);

// The relay cannot do without its keys; but a credential exists in its service alone, so that a relay
// which is only checked elsewhere has a `key_problem` instead. Commands can do without any: an operator need
// not be able to read a file that it is in.
enum class KeyUse { kRequired, kIfReadable };

// Reads and validates every key; changes nothing outside. Each faulty key gets a line that names it, where it
// is set, and the remedy: the last line is the message of the failure, the others go to the log.
Status read_config(const Host& host, KeyUse key_use, LinkConfig* config);

}  // namespace paxect::link
