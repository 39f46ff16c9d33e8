// The public keys of peers that the operator pinned: files NAME.pub, NAME.1.pub, ... in the folder of the
// setting `peers`. Several of one name are valid at the same time. A retired one is kept as FILE.retired,
// with the last list or receipt of each stream that counts, and a revoked one as FILE.revoked, so that
// neither is pinned again by accident. A copy of the key that is put back beside such a file does not count.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/relay_paths.h"
#include "base/status.h"
#include "proof/node_key.h"
#include "settings/link_config.h"

namespace paxect::link {

struct PinnedKey {
  std::string node;
  std::string path = {};
  PinState state = PinState::kPinned;
  PublicKey key = {};
  LastStatements last = {};  // of one that is retired
  std::string problem = {};  // why the file is no key, or none that counts; "" when it is one
  bool is_exposed = false;  // because somebody else can write it: it grants nothing, and forbids what it says

  bool operator==(const PinnedKey&) const = default;
};

// Where the keys are, and who may decide which ones there are: root and the user of the relay. In the relay
// that is geteuid(). To a command, whoever runs it, it is the owner of the journal: see find_relay_user().
struct KeyFolder {
  KeyFolder(std::string folder) : path(std::move(folder)), user(geteuid()) {}  // NOLINT: a path is one
  explicit KeyFolder(const LinkConfig& config);

  std::string path;
  uid_t user;
};

// Those in the folder, by node and file. A folder that does not exist has none. A key counts only if nobody
// but root and the user of the relay can write its file and the folder, as with `StrictModes` of sshd.
Status read_pinned_keys(const KeyFolder& folder, std::vector<PinnedKey>* out);

// One line about the first of them that is not revoked and does not count; "" when all count.
std::string problem_of(const std::vector<PinnedKey>& pinned);

// Those of them that are keys, retired and revoked ones among them, each once.
std::vector<NodeKey> node_keys_of(const std::vector<PinnedKey>& pinned);

// Pins the key of a file; `*made` receives the new entry. Refuses a key that is pinned or was revoked.
Status pin_key(const KeyFolder& folder, const std::string& node, const std::string& file, PinnedKey* made);

// Revokes every key of the node, or the one that is in `file` too. `*revoked` receives them, each with its
// new path; none is a failure. A key that cannot be revoked is a failure too, and the others are revoked all
// the same.
Status revoke_keys(const KeyFolder& folder, const std::string& node, const std::string& file,
                   std::vector<PinnedKey>* revoked);

// Retires the key of the node that is in `file`: it counts for the statements of `stream` up to `number`, and
// for those of the streams that were given before. With an empty `stream` for no further one.
Status retire_key(const KeyFolder& folder, const std::string& node, const std::string& file,
                  const std::string& stream, std::uint64_t number, PinnedKey* retired);

// A new file, durable and complete under its name, or none. Never replaces one: that is a failure.
Status create_file(const std::string& path, std::string_view contents, unsigned mode);

}  // namespace paxect::link
