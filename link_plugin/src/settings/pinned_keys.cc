#include "settings/pinned_keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "proof/statement.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxKeyFile = 1024;
constexpr unsigned kMaxKeysOfNode = 1000;

Status read_key_file(const std::string& path, PublicKey* out) {
  std::string text;
  Status status = read_file(path, kMaxKeyFile, &text);
  if (status.ok()) status = parse_public_key(text, out);
  if (status.ok()) return status;
  const bool names_path = status.message.find(path) != std::string::npos;
  return Status::invalid((names_path ? "" : path + ": ") + status.message);
}

// Whoever can write a key or its folder decides whose lists are verified.
std::string exposure_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || (info.st_mode & S_IWOTH) == 0) return "";
  return path + ": every user can write it, and so pin a key: chmod o-w it, and compare the keys in it";
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

Status read_pinned_keys(const std::string& folder, std::vector<PinnedKey>* out) {
  out->clear();
  if (FileIdentity ignored; !identity_of(folder, &ignored) && errno == ENOENT) return Status::success();
  Directory directory;
  if (Status status = Directory::open(folder, &directory); !status.ok()) return status;
  const std::string exposure = exposure_of(folder);
  Status status = directory.list([&](const char* name) {
    PinnedKey pinned;
    pinned.node = node_of_pinned(name, &pinned.is_revoked);
    if (pinned.node.empty()) return true;
    pinned.path = directory.path_of(name);
    pinned.problem = read_key_file(pinned.path, &pinned.key).message;
    const std::string own = exposure.empty() ? exposure_of(pinned.path) : exposure;
    if (pinned.problem.empty() && !own.empty()) {
      pinned.problem = own;
      pinned.is_exposed = true;
    }
    out->push_back(std::move(pinned));
    return true;
  });
  std::sort(out->begin(), out->end(), [](const PinnedKey& one, const PinnedKey& other) {
    return std::tie(one.node, one.path) < std::tie(other.node, other.path);
  });
  return status;
}

std::string problem_of(const std::vector<PinnedKey>& pinned) {
  for (const PinnedKey& each : pinned)
    if (!each.problem.empty() && !each.is_revoked)
      return each.problem + ": nothing is verified by " + (each.is_exposed ? "it" : "this key");
  return "";
}

std::vector<NodeKey> node_keys_of(const std::vector<PinnedKey>& pinned) {
  std::vector<NodeKey> keys;
  for (const PinnedKey& each : pinned)
    if (each.problem.empty()) keys.push_back({each.node, each.key, each.is_revoked});
  return keys;
}

Status pin_key(const std::string& folder, const std::string& node, const std::string& file, PinnedKey* made) {
  if (!is_node_name(node))
    return Status::invalid("'" + node +
                           "' cannot be pinned: a name is 1 to 128 letters, digits, '.', '-' and " +
                           "'_', a letter or a digit first, and no number after its last dot");
  PinnedKey pinned{.node = node};
  if (Status status = read_key_file(file, &pinned.key); !status.ok()) return status;
  std::vector<PinnedKey> known;
  if (Status status = read_pinned_keys(folder, &known); !status.ok()) return status;
  for (const PinnedKey& each : known) {
    if (!each.problem.empty() || !(each.key == pinned.key)) continue;
    return Status::invalid(file + ": the key " + key_id_text(each.key.id) +
                           (each.is_revoked
                                ? " was revoked, as " + each.path + ": remove that to pin it again"
                                : " is pinned for " + each.node + ", as " + each.path));
  }
  Directory directory;
  if (Status status = open_folder(folder, &directory); !status.ok()) return status;
  for (unsigned number = 0; number < kMaxKeysOfNode; ++number) {
    const std::string name = pinned_of(node, number);
    const bool is_free = directory.stat_of(name).kind == FileKind::kMissing &&
                         directory.stat_of(revoked_of(name)).kind == FileKind::kMissing;
    if (!is_free) continue;
    pinned.path = directory.path_of(name);
    Status status = create_file(pinned.path, public_key_text(pinned.key), kOwnFileMode);
    if (status.ok()) *made = std::move(pinned);
    return status;
  }
  return Status::invalid(node + " has too many keys in " + folder + ": remove revoked ones");
}

Status revoke_keys(const std::string& folder, const std::string& node, const std::string& file,
                   std::vector<PinnedKey>* revoked) {
  revoked->clear();
  PublicKey only;
  if (!file.empty())
    if (Status status = read_key_file(file, &only); !status.ok()) return status;
  std::vector<PinnedKey> known;
  if (Status status = read_pinned_keys(folder, &known); !status.ok()) return status;
  Directory directory;
  Status failure = Status::success();  // the first one; the other keys are revoked all the same
  for (PinnedKey& each : known) {
    if (each.is_revoked || each.node != node) continue;
    if (!file.empty() && (!each.problem.empty() || !(each.key == only))) continue;
    if (!directory)
      if (Status status = Directory::open(folder, &directory); !status.ok()) return status;
    const std::string name(base_name(each.path));
    bool taken = false;
    Status status = directory.rename_new(name, revoked_of(name), &taken);
    if (taken)
      status = Status::invalid(directory.path_of(revoked_of(name)) + " exists already: move it away first");
    if (!status.ok()) {
      if (failure.ok()) failure = status;
      continue;
    }
    each.path = directory.path_of(revoked_of(name));
    each.is_revoked = true;
    revoked->push_back(std::move(each));
  }
  if (!revoked->empty())
    if (Status status = directory.sync(); failure.ok()) failure = status;
  if (!failure.ok() || !revoked->empty()) return failure;
  return Status::invalid((file.empty() ? "no key" : file + ": this key") + " is pinned for " + node + " in " +
                         folder);
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
