#include "settings/pinned_keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "proof/statement.h"
#include "settings/key_exposure.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxKeyFile = 16384;
constexpr unsigned kMaxKeysOfNode = 1000;

// Without `last` a text with lines of a retired key is refused.
Status parse_key(const std::string& path, const std::string& text, PublicKey* out, LastStatements* last) {
  Status status = last == nullptr ? parse_public_key(text, out) : parse_retired_key(text, out, last);
  if (status.ok()) return status;
  const bool names_path = status.message.find(path) != std::string::npos;
  return Status::invalid((names_path ? "" : path + ": ") + status.message);
}

Status read_key_file(const std::string& path, PublicKey* out, LastStatements* last = nullptr) {
  std::string text;
  if (Status status = read_small_file(path, kMaxKeyFile, &text); !status.ok())
    return Status::invalid(status.message);
  return parse_key(path, text, out, last);
}

// What the operator gives to say which key is meant: any of its files.
Status read_any_key(const std::string& path, PublicKey* out) {
  LastStatements ignored;
  return read_key_file(path, out, &ignored);
}

// Whether `key` is what the file says.
bool is_read(const PinnedKey& key) { return key.problem.empty() || key.is_exposed; }

// NAME.pub, of a file in the folder of keys.
std::string pinned_name_of(const PinnedKey& key) {
  std::string_view name = base_name(key.path);
  name.remove_suffix(key.state == PinState::kPinned    ? 0
                     : key.state == PinState::kRetired ? retired_of("").size()
                                                       : revoked_of("").size());
  return std::string(name);
}

std::string_view participle_of(PinState state) {
  return state == PinState::kRevoked ? " was revoked" : " was retired";
}

// A pinned file beside one that says that its key is retired or revoked, and cannot be read or trusted: it
// may be a copy of that key.
void refuse_copies(std::vector<PinnedKey>* pinned) {
  for (PinnedKey& each : *pinned) {
    if (each.state != PinState::kPinned || !each.problem.empty()) continue;
    const auto is_beside = [&](const PinnedKey& other) {
      return other.state != PinState::kPinned && !other.problem.empty() && other.node == each.node &&
             pinned_name_of(other) == base_name(each.path);
    };
    const auto beside = std::find_if(pinned->begin(), pinned->end(), is_beside);
    if (beside != pinned->end())
      each.problem = each.path + ": it may be the key of a file that does not count: " + beside->problem;
  }
}

// The owner of the relay's journal. Before its first start that of its state directory; and where that one is
// root's, as /run is, or is not there, that of the folder of keys.
uid_t find_relay_user(const LinkConfig& config) {
  struct stat info {};
  if (stat(journal_of(config.state).c_str(), &info) == 0) return info.st_uid;
  uid_t user = geteuid();
  for (const std::string& folder : {directory_name(config.state), config.peers}) {
    if (stat(folder.c_str(), &info) != 0) continue;
    user = info.st_uid;
    if (user != 0) break;
  }
  return user;
}

// A new one can be written by its owner alone, whatever the umask.
Status open_folder(const std::string& folder, Directory* out) {
  FileIdentity ignored;
  const bool is_new = !identity_of(folder, &ignored);
  if (Status status = make_directories(folder); !status.ok()) return status;
  if (is_new && chmod(folder.c_str(), S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH) != 0)
    return io_failure("set the mode of", folder, errno);
  return Directory::open(folder, out);
}

}  // namespace

KeyFolder::KeyFolder(const LinkConfig& config) : KeyFolder(config.peers) { user = find_relay_user(config); }

Status read_pinned_keys(const KeyFolder& folder, std::vector<PinnedKey>* out) {
  out->clear();
  if (FileIdentity ignored; !identity_of(folder.path, &ignored) && errno == ENOENT) return Status::success();
  Directory directory;
  if (Status status = Directory::open(folder.path, &directory); !status.ok()) return status;
  Status status = directory.list([&](const char* name) {
    PinnedKey pinned;
    pinned.node = node_of_pinned(name, &pinned.state);
    if (pinned.node.empty()) return true;
    pinned.path = directory.path_of(name);
    std::string text;
    std::string exposure;
    Status read = read_judged(directory, name, kMaxKeyFile, folder.user, &text, &exposure);
    if (read.ok()) {
      const bool is_pinned = pinned.state == PinState::kPinned;
      read = parse_key(pinned.path, text, &pinned.key, is_pinned ? nullptr : &pinned.last);
    }
    pinned.is_exposed = read.ok() && !exposure.empty();
    pinned.problem = pinned.is_exposed ? exposure : read.message;
    out->push_back(std::move(pinned));
    return true;
  });
  std::sort(out->begin(), out->end(), [](const PinnedKey& one, const PinnedKey& other) {
    return std::tie(one.node, one.path) < std::tie(other.node, other.path);
  });
  refuse_copies(out);
  return status;
}

std::string problem_of(const std::vector<PinnedKey>& pinned) {
  for (const PinnedKey& each : pinned)
    if (!each.problem.empty() && each.state != PinState::kRevoked)
      return each.problem + ": nothing is verified by " + (each.is_exposed ? "it" : "this key");
  return "";
}

std::vector<NodeKey> node_keys_of(const std::vector<PinnedKey>& pinned) {
  std::vector<NodeKey> keys;
  for (const PinnedKey& each : pinned) {
    if (!is_read(each) || (each.is_exposed && each.state == PinState::kPinned)) continue;
    auto found = std::find_if(keys.begin(), keys.end(), [&](const NodeKey& known) {
      return known.node == each.node && known.key == each.key;
    });
    if (found == keys.end()) found = keys.insert(keys.end(), {each.node, each.key});
    if (each.state == PinState::kRevoked) found->is_revoked = true;
    // One that was retired before it was revoked has its lines still.
    const bool is_retired =
        each.state == PinState::kRetired || (each.state == PinState::kRevoked && !each.last.empty());
    if (!is_retired) continue;
    // Without lines it counts for nothing, unless another file has some that count.
    if (!found->last || found->last->empty()) found->last = each.is_exposed ? LastStatements{} : each.last;
  }
  return keys;
}

Status pin_key(const KeyFolder& folder, const std::string& node, const std::string& file, PinnedKey* made) {
  if (!is_node_name(node))
    return Status::invalid("'" + node +
                           "' cannot be pinned: a name is 1 to 128 letters, digits, '.', '-' and " +
                           "'_', a letter or a digit first, and no number after its last dot");
  PinnedKey pinned{.node = node};
  if (Status status = read_key_file(file, &pinned.key); !status.ok()) return status;
  std::vector<PinnedKey> known;
  if (Status status = read_pinned_keys(folder, &known); !status.ok()) return status;
  for (const PinnedKey& each : known) {
    if (!is_read(each) || !(each.key == pinned.key)) continue;
    return Status::invalid(file + ": the key " + key_id_text(each.key.id) +
                           (each.state == PinState::kPinned
                                ? " is pinned for " + each.node + ", as " + each.path +
                                      (each.is_exposed ? ", and does not count: " + each.problem : "")
                                : std::string(participle_of(each.state)) + ", as " + each.path +
                                      ": remove that to pin it again"));
  }
  Directory directory;
  if (Status status = open_folder(folder.path, &directory); !status.ok()) return status;
  for (unsigned number = 0; number < kMaxKeysOfNode; ++number) {
    const std::string name = pinned_of(node, number);
    const auto is_missing = [&](const std::string& taken) {
      return directory.stat_of(taken).kind == FileKind::kMissing;
    };
    const bool is_free = is_missing(name) && is_missing(retired_of(name)) && is_missing(revoked_of(name));
    if (!is_free) continue;
    pinned.path = directory.path_of(name);
    Status status = create_file(pinned.path, public_key_text(pinned.key), kOwnFileMode);
    if (status.ok()) *made = std::move(pinned);
    return status;
  }
  return Status::invalid(node + " has too many keys in " + folder.path + ": remove retired and revoked ones");
}

Status revoke_keys(const KeyFolder& folder, const std::string& node, const std::string& file,
                   std::vector<PinnedKey>* revoked) {
  revoked->clear();
  PublicKey only;
  if (!file.empty())
    if (Status status = read_any_key(file, &only); !status.ok()) return status;
  std::vector<PinnedKey> known;
  if (Status status = read_pinned_keys(folder, &known); !status.ok()) return status;
  Directory directory;
  Status failure = Status::success();  // the first one; the other keys are revoked all the same
  for (PinnedKey& each : known) {
    if (each.state == PinState::kRevoked || each.node != node) continue;
    if (!file.empty() && (!is_read(each) || !(each.key == only))) continue;
    if (!directory)
      if (Status status = Directory::open(folder.path, &directory); !status.ok()) return status;
    const std::string name(base_name(each.path));
    const std::string target = revoked_of(pinned_name_of(each));
    bool taken = false;
    Status status = directory.rename_new(name, target, &taken);
    PublicKey there;
    // The same key was revoked already, and its file was put back.
    if (taken && is_read(each) && read_any_key(directory.path_of(target), &there).ok() && there == each.key)
      status = directory.remove(name);
    else if (taken)
      status = Status::invalid(directory.path_of(target) + " exists already: move it away first");
    if (!status.ok()) {
      if (failure.ok()) failure = status;
      continue;
    }
    each.path = directory.path_of(target);
    each.state = PinState::kRevoked;
    revoked->push_back(std::move(each));
  }
  if (!revoked->empty())
    if (Status status = directory.sync(); failure.ok()) failure = status;
  if (!failure.ok() || !revoked->empty()) return failure;
  return Status::invalid((file.empty() ? "no key" : file + ": this key") + " is pinned for " + node + " in " +
                         folder.path);
}

// The new file is there before the old one goes: at no time does neither say that the key is retired, and
// while both are there the retired one counts.
Status retire_key(const KeyFolder& folder, const std::string& node, const std::string& file,
                  const std::string& stream, std::uint64_t number, PinnedKey* retired) {
  PublicKey key;
  if (Status status = read_any_key(file, &key); !status.ok()) return status;
  std::vector<PinnedKey> known;
  if (Status status = read_pinned_keys(folder, &known); !status.ok()) return status;
  std::vector<PinnedKey> found;
  for (PinnedKey& each : known)
    if (each.node == node && is_read(each) && each.key == key) found.push_back(std::move(each));
  if (found.empty())
    return Status::invalid(file + ": this key is not pinned for " + node + " in " + folder.path);
  const auto find = [&](PinState state) {
    return std::find_if(found.begin(), found.end(),
                        [&](const PinnedKey& each) { return each.state == state; });
  };
  if (const auto revoked = find(PinState::kRevoked); revoked != found.end())
    return Status::invalid(file + ": the key " + key_id_text(key.id) + " was revoked, as " + revoked->path +
                           ": none of its lists counts that was not verified before");
  const auto before = find(PinState::kRetired);
  const bool is_new = before == found.end();
  // Its lines would count then.
  if (!is_new && before->is_exposed) return Status::invalid(before->problem);
  PinnedKey made = is_new ? found.front() : *before;
  if (is_new) made.path = retired_of(made.path);
  made.state = PinState::kRetired;
  if (!stream.empty()) made.last[stream] = number;
  const std::string text = retired_key_text(made.key, made.last);
  Status status = is_new ? create_file(made.path, text, kOwnFileMode)
                         : replace_file(made.path, text, Durable::kWhole, kOwnFileMode);
  Directory directory;
  if (status.ok()) status = Directory::open(folder.path, &directory);
  for (const PinnedKey& each : found)
    if (status.ok() && each.state == PinState::kPinned)
      status = directory.remove(std::string(base_name(each.path)));
  if (status.ok()) status = directory.sync();
  if (status.ok()) *retired = std::move(made);
  return status;
}

Status create_file(const std::string& path, std::string_view contents, unsigned mode) {
  Directory directory;
  if (Status status = Directory::open(directory_name(path), &directory); !status.ok()) return status;
  const std::string name(base_name(path));
  const std::string temporary = temporary_of(name);
  UniqueFd fd;
  if (Status status = directory.create_temporary(temporary, &fd, mode); !status.ok()) return status;
  bool taken = false;
  Status status = write_all(fd.get(), contents.data(), contents.size(), path);
  // Whatever the umask: the owner must be able to read it.
  if (status.ok() && fchmod(fd.get(), mode) != 0) status = io_failure("set the mode of", path, errno);
  if (status.ok()) status = sync_file(fd.get(), path);
  if (status.ok()) status = directory.rename_new(temporary, name, &taken);
  if (taken) status = Status::invalid(path + " exists already and is not replaced");
  if (!status.ok()) {
    std::ignore = directory.remove(temporary);
    return status;
  }
  return directory.sync();
}

}  // namespace paxect::link
