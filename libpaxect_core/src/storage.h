// What a file or block device consists of: the devices, and the files behind loop devices, that are written
// when it is written. As far as the system shows it. Values; any thread.
#pragma once

#include <sys/stat.h>

#include <vector>

namespace paxect::core {

// A file by its inode, or a block device by its number.
struct Storage {
  dev_t device = 0;
  ino_t inode = 0;  // 0: the block device itself

  bool operator==(const Storage& other) const = default;
};

// Of the block device `device` or of a file on it: `from` itself and everything below it (the disk of a
// partition, the devices below a mapped one, the file behind a loop device and the device that it lies on).
std::vector<Storage> storage_below(Storage from);

// What is behind the loop device that is open as `fd`; inode 0 when it is no loop device, or not attached.
Storage loop_backing(int fd);

}  // namespace paxect::core
