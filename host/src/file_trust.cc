#include "file_trust.h"

#include <unistd.h>

namespace paxect::host {

std::string owner_fault(const struct stat& file) {
  if (file.st_uid == 0 || file.st_uid == geteuid()) return {};
  return "owned by user " + std::to_string(file.st_uid) + ", neither root nor the user who runs this";
}

std::string write_fault(const struct stat& file) {
  std::string fault = owner_fault(file);
  if (!fault.empty()) return fault;
  if ((file.st_mode & S_IWOTH) != 0) return "writable by everyone: chmod go-w";
  if ((file.st_mode & S_IWGRP) != 0) return "writable by its group: chmod g-w";
  return {};
}

}  // namespace paxect::host
