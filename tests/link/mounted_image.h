// A small file system in a file, mounted until the end of the scope.
#pragma once

#include <filesystem>
#include <string>

#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {

class MountedImage {
 public:
  enum class Kind {
    kNtfs,  // refuses the names that Windows refuses
    kExt2   // with blocks of 1 KiB: no file is larger than 16 GiB
  };

  explicit MountedImage(Kind kind) {
    std::filesystem::create_directory(path());
    const std::string image = directory_ / "image";
    const std::string make =
        "truncate -s 64M " + image + " && " +
        (kind == Kind::kNtfs
             ? "mkntfs -q -F " + image + " && ntfs-3g -o windows_names " + image + " " + path()
             : "mkfs.ext2 -q -b 1024 " + image + " && mount -o loop " + image + " " + path());
    is_mounted_ = run({.argv = {"sh", "-c", "PATH=$PATH:/sbin:/usr/sbin; " + make}}).status == 0;
    if (!is_mounted_) WARN("skipped: cannot mount an image of a file system here");
  }
  ~MountedImage() {
    if (is_mounted_) run({.argv = {"umount", "-l", path()}});
  }
  MountedImage(const MountedImage&) = delete;
  MountedImage& operator=(const MountedImage&) = delete;

  bool is_mounted() const { return is_mounted_; }
  std::string path() const { return directory_ / "mounted"; }

 private:
  TempDir directory_;
  bool is_mounted_ = false;
};

}  // namespace paxect::test
