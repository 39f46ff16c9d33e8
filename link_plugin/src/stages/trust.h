// Who our peers are, and whether their manifests are theirs: {"payload": {...}, "hmac_sha256": "hex"}, the
// HMAC over the payload in canonical form.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/filesystem.h"

namespace paxect::link {

enum class PeerState {
  kSigned,      // by our key
  kUnsigned,    // no signature, and none required
  kUnverified,  // signed, but we have no key to verify it
  kRejected,    // a bad signature, or none where one is required
  kUnreadable   // not a manifest
};

std::string_view name_of(PeerState state);

struct Peer {
  std::string node;  // "" when unreadable
  PeerState state = PeerState::kUnreadable;
  std::string reason;
  // Where it delivers to, as its manifest says, whether that is signed or not: the path on its machine, and
  // the token of the place, which is the same on every machine. "" for none.
  std::string outbox = {};
  std::string outbox_place = {};

  bool operator==(const Peer&) const = default;
};

// Judges the text of a manifest.
Peer judge_manifest(std::string_view text, std::optional<std::string_view> key, bool require_sig);

// The text of a manifest with these payload entries; signed when there is a key.
std::string manifest_text(const std::map<std::string, std::string>& payload,
                          std::optional<std::string_view> key);

// The lower-case hexadecimal HMAC-SHA256.
std::string hmac_sha256_hex(std::string_view text, std::string_view key);

// The manifests beside our own, read again when one changes. Not for two threads at a time.
class PeerTable {
 public:
  using Changed = std::function<void(const std::string& path, const Peer&)>;

  // Reads those that are new or have changed, and reports each whose judgement is new: a peer writes its
  // manifest again and again with another time in it. `own` is the path of our manifest.
  Status refresh(const std::string& own, std::optional<std::string_view> key, bool require_sig,
                 const Changed& changed);
  // How many there are of each state; every state has an entry.
  std::map<std::string_view, std::uint64_t> counts() const;
  // Reads all of them again at the next refresh: the key or the policy is another one.
  void judge_again();
  // The node of a rejected manifest whose outbox is the inbox at this path and with this token; "" for none.
  // A manifest that cannot be read is no signature. With require_sig it counts as rejected, under its file
  // name, and has the outbox that it had before; one that was never read may have any. The folder of the
  // manifests counts the same, as kManifestFolder, until it was listed once.
  std::string rejected_sender(const std::string& inbox, const std::string& token) const;

 private:
  struct Known {
    FileIdentity identity;
    bool is_read = false;
    Peer peer;
  };
  std::map<std::string, Known> known_;  // by file name
  bool is_listed_ = false;
  bool require_sig_ = false;
};

}  // namespace paxect::link
