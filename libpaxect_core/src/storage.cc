#include "storage.h"

#include <dirent.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

namespace paxect::core {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The device number in a "dev" file of /sys; 0 where there is none.
dev_t device_in(const std::string& path) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(first_line(path).c_str(), "%u:%u", &major, &minor) != 2) return 0;
  return makedev(major, minor);
}

void add_devices_below(dev_t device, std::vector<Storage>& found) {
  std::string entry = "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
  struct stat file {};
  if (stat((entry + "/partition").c_str(), &file) == 0) found.push_back({device_in(entry + "/../dev"), 0});
  std::string backing = first_line(entry + "/loop/backing_file");
  if (!backing.empty() && stat(backing.c_str(), &file) == 0) found.push_back({file.st_dev, file.st_ino});
  std::unique_ptr<DIR, int (*)(DIR*)> slaves(opendir((entry + "/slaves").c_str()), &closedir);
  if (slaves == nullptr) return;
  while (const dirent* slave = readdir(slaves.get()))
    if (slave->d_name[0] != '.') found.push_back({device_in(entry + "/slaves/" + slave->d_name + "/dev"), 0});
}

}  // namespace

std::vector<Storage> storage_below(Storage from) {
  std::vector<Storage> all;
  std::vector<Storage> next{from};
  while (!next.empty()) {
    Storage one = next.back();
    next.pop_back();
    if (one == Storage{} || std::find(all.begin(), all.end(), one) != all.end()) continue;
    all.push_back(one);
    if (one.inode != 0)
      next.push_back({one.device, 0});
    else
      add_devices_below(one.device, next);
  }
  return all;
}

Storage loop_backing(int fd) {
  loop_info64 info{};
  if (ioctl(fd, LOOP_GET_STATUS64, &info) != 0) return {};
  // The kernel passes device numbers here in their 32-bit form: 12 bits of major and 20 of minor.
  auto device = static_cast<unsigned>(info.lo_device);
  return {makedev((device & 0xfff00) >> 8, (device & 0xff) | ((device >> 12) & 0xfff00)), info.lo_inode};
}

}  // namespace paxect::core
