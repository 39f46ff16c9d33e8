#include "settings/sign_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/filesystem.h"
#include "base/unique_fd.h"
#include "settings/key_source.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxKeyFile = 1024;

// Of the file that is open, so that nobody can put another one in its place between the check and the read.
// The group of a credential is that of its service: systemd gives it access by an ACL.
Status check_access(int fd, const KeySource& source) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return io_failure("stat", source.path, errno);
  if (!S_ISREG(info.st_mode)) return Status::invalid(source.path + " is not a regular file");
  const mode_t forbidden = source.is_credential ? S_IRWXO : S_IRWXG | S_IRWXO;
  if ((info.st_mode & forbidden) != 0)
    return Status::invalid(source.path + ": others can read this key: chmod 600 it, or make a new one");
  if (info.st_uid != geteuid() && info.st_uid != 0)
    return Status::invalid(source.path + " belongs to another user (uid " + std::to_string(info.st_uid) +
                           "), who knows the key: make one with `paxect link key new PATH`");
  return Status::success();
}

Status read_key(const KeySource& source, Wiped* out) {
  UniqueFd fd(open(source.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return io_failure("open", source.path, errno);
  if (Status status = check_access(fd.get(), source); !status.ok()) return status;
  out->text.assign(kMaxKeyFile + 1, '\0');
  std::size_t size = 0;
  while (size < out->text.size()) {
    const ssize_t got = read(fd.get(), out->text.data() + size, out->text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read", source.path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  out->text.resize(size);
  return Status::success();
}

}  // namespace

Status SignKey::set(const std::string& setting) {
  key_.reset();
  of_a_service_ = false;
  if (setting.empty()) return Status::success();
  if (!names_key_source(setting)) return Status::invalid("not file:PATH or credential:NAME");
  KeySource source;
  Status status = find_key_source(setting, &source);
  of_a_service_ = source.is_of_a_service;
  if (!status.ok()) return status;
  Wiped text;
  SigningKey key;
  if (status = read_key(source, &text); !status.ok()) return status;
  if (status = SigningKey::parse(text.text, &key); !status.ok())
    return Status::invalid(source.path + ": " + status.message);
  key_ = std::move(key);
  return Status::success();
}

}  // namespace paxect::link
