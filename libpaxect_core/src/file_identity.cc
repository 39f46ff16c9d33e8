#include "file_identity.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace paxect::core {
namespace {

bool same_inode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

constexpr std::size_t kEndSize = std::size_t{64} << 10;  // of the contents that are compared at either end

// Whether the contents from `offset` are known to differ.
bool differ_at(int a, int b, off_t offset) {
  std::array<std::array<char, kEndSize>, 2> parts;
  ssize_t from_a = pread(a, parts[0].data(), kEndSize, offset);
  ssize_t from_b = pread(b, parts[1].data(), kEndSize, offset);
  if (from_a < 0 || from_b < 0) return false;
  return from_a != from_b ||
         std::memcmp(parts[0].data(), parts[1].data(), static_cast<std::size_t>(from_a)) != 0;
}

bool contains(const std::vector<Storage>& all, const Storage& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

bool same_file(const struct stat& a, const struct stat& b) {
  return same_inode(a, b) && (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT);
}

FileIdentity::FileIdentity(const struct stat& file, int fd) : file_(file), fd_(fd) {
  if (is_block() && fd >= 0) backing_ = loop_backing(fd);
}

FileIdentity::FileIdentity(const struct stat& directory, std::string name)
    : file_(directory), name_(std::move(name)) {}

std::optional<FileIdentity> FileIdentity::of(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return std::nullopt;
  return FileIdentity(file, fd);
}

Storage FileIdentity::storage() const {
  if (is_block()) return {file_.st_rdev, 0};
  return {file_.st_dev, file_.st_ino};
}

std::vector<Storage> FileIdentity::storage_below() const {
  std::vector<Storage> all = core::storage_below(storage());
  if (backing_ == Storage{}) return all;
  std::vector<Storage> behind = core::storage_below(backing_);
  all.insert(all.end(), behind.begin(), behind.end());
  return all;
}

bool FileIdentity::overlaps(const FileIdentity& other) const {
  auto has_data = [](const FileIdentity& file) { return file.is_block() || S_ISREG(file.file_.st_mode); };
  if (is_block() || other.is_block()) {
    bool on_disk = (has_data(*this) || name_) && (has_data(other) || other.name_);
    return on_disk &&
           (contains(storage_below(), other.storage()) || contains(other.storage_below(), storage()));
  }
  if (name_ != other.name_ || !same_inode(file_, other.file_)) return false;
  return name_.has_value() || S_ISREG(file_.st_mode);
}

bool FileIdentity::resembles(const FileIdentity& other) const {
  if (name_ || other.name_ || !S_ISREG(file_.st_mode) || !S_ISREG(other.file_.st_mode)) return false;
  if (file_.st_size == 0 || file_.st_size != other.file_.st_size) return false;
  if (!same_time(file_.st_mtim, other.file_.st_mtim) || !same_time(file_.st_ctim, other.file_.st_ctim))
    return false;
  off_t end = std::max<off_t>(file_.st_size - static_cast<off_t>(kEndSize), 0);
  return !differ_at(fd_, other.fd_, 0) && !differ_at(fd_, other.fd_, end);
}

bool FileIdentity::mixes_with(const FileIdentity& other) const {
  bool stream = S_ISFIFO(file_.st_mode) || S_ISSOCK(file_.st_mode);
  return (stream && same_inode(file_, other.file_)) || overlaps(other);
}

}  // namespace paxect::core
