// Containers in the inbox that no list names yet: each is blocked in the ledger, and waits for a list. Of a
// bounded number of them the digest is known, so that a list that names one ends its wait alone. The others
// are read again when there is room for them, once in a while, and where a list has their name: not for every
// list that comes. Not for two threads at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/status.h"
#include "proof/list.h"
#include "records/ledger.h"

namespace paxect::link {

class UnlistedFiles {
 public:
  struct File {
    FileIdentity identity;
    std::string digest;
    std::uint64_t since_ns = 0;
    Status why = {};  // its event: unlisted, replayed or foreign
  };
  static constexpr std::size_t kMaxTracked = 65'536;

  explicit UnlistedFiles(Ledger& ledger, std::size_t max_tracked = kMaxTracked)
      : ledger_(ledger), max_tracked_(max_tracked) {}

  // A file waits for a list from now on. Requires: its block was noted in the ledger.
  void note(const std::string& path, const FileIdentity& identity, const std::string& digest,
            const Status& why, std::uint64_t now_ns);
  void forget(const std::string& path) { files_.erase(path); }
  void forget_all() { files_.clear(); }
  // A list that was verified: files of which only the name is known may be the ones that it names.
  void note_listed(const List& list);
  // Ends the waits of those that may pass now, and of those of which nothing is known if it is their turn.
  // True when any ended.
  bool end_waits(const std::function<bool(const std::string& path, const File& file)>& may_pass,
                 std::uint64_t now_ns);
  // Forgets those for which `is_over` says so; they wait no longer for a list.
  void erase_if(const std::function<bool(const std::string& path, const File& file)>& is_over);

  // Those that are tracked, by path.
  const std::map<std::string, File>& files() const { return files_; }

 private:
  bool end_untracked(std::uint64_t now_ns);

  Ledger& ledger_;
  std::size_t max_tracked_;
  std::map<std::string, File> files_;
  bool has_untracked_ = false;  // further ones wait
  bool has_ended_ = false;      // by its name, since the last call of end_waits()
  std::uint64_t ended_ns_ = 0;  // when those that are not tracked were last read again
};

}  // namespace paxect::link
