// The directory of an instance's records: made if missing, locked for one instance, with a token that names
// it.
#pragma once

#include <string>

#include "settings.h"
#include "status.h"
#include "unique_fd.h"

namespace paxect::carrier {

class StateDirectory {
 public:
  // Makes the directory and takes the lock. `*busy` says whether another process holds it.
  Status open(const Settings& settings, bool* busy);
  void close() { lock_.reset(); }

  // 16 hexadecimal digits: the name of this sender or receiver towards the others, random at its first start.
  const std::string& token() const { return token_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  Status read_token();

  std::string path_;
  std::string token_;
  UniqueFd lock_;
};

// 16 random hexadecimal digits.
std::string random_token();

// Whether a process holds the lock of these settings. A failure: it cannot be known.
Status find_running(const Settings& settings, bool* running);

// Replaces a file by one with these contents, whole and durable, or leaves it as it was.
Status replace_file(const std::string& path, const std::string& contents);
// The contents of a file of at most `limit` bytes. `*missing` says that there is none, which is no failure.
Status read_file(const std::string& path, std::size_t limit, std::string* out, bool* missing);
// Makes a directory with its parents, each durable in its own. An existing one is fine.
Status make_directories(const std::string& path);
std::string parent_path(const std::string& path);
Status sync_directory(const std::string& path);

}  // namespace paxect::carrier
