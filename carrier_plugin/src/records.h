// A file of records: JSON objects, one a line, each closed by a blank and the first 8 digits of the SHA-256
// of the line before it. Appended to; rewritten by its owner when it starts. One thread, one process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "status.h"
#include "unique_fd.h"

namespace paxect::carrier {

class Records {
 public:
  // The records of the file in order; none when it is missing. Those that are torn or damaged are passed over
  // and counted.
  static Status read(const std::string& path, const std::function<void(const std::string&)>& each,
                     std::uint64_t* damaged);
  // Replaces the file by these records, durably, and opens it for appending.
  Status rewrite(const std::string& path, const std::vector<std::string>& records);
  // Written at once, durable after flush(). After a failure the file may end with part of the record, which
  // the next append closes.
  Status append(std::string_view record);
  // Makes what was appended durable. A failure is one of all later calls too: what the kernel could not write
  // once is gone from its memory, so that only rewrite() can be believed.
  Status flush();
  std::uint64_t size() const { return size_; }

 private:
  std::string path_;
  UniqueFd file_;
  bool dirty_ = false;
  bool torn_ = false;
  bool failed_ = false;
  std::uint64_t size_ = 0;
};

}  // namespace paxect::carrier
