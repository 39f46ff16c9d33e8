#include "file_identity.h"

#include <algorithm>
#include <utility>

namespace paxect::core {
namespace {

bool same_inode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool contains(const std::vector<Storage>& all, const Storage& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

bool same_file(const struct stat& a, const struct stat& b) {
  return same_inode(a, b) && (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT);
}

FileIdentity::FileIdentity(const struct stat& file, int fd) : file_(file) {
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

bool FileIdentity::mixes_with(const FileIdentity& other) const {
  bool stream = S_ISFIFO(file_.st_mode) || S_ISSOCK(file_.st_mode);
  return (stream && same_inode(file_, other.file_)) || overlaps(other);
}

}  // namespace paxect::core
