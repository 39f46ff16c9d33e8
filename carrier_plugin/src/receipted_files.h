// The files of a sender that have their receipts and are to be removed: those that came lately, and those
// whose removal has failed and is tried again. There may be tens of thousands of the latter, as in a folder
// that is read-only, and they hold up nothing: no call looks at all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace paxect::carrier {

struct Receipted {
  std::string id;
  std::string receiver;
  bool is_recorded = false;
  bool is_same = false;  // what was removed was the file that was sent
};

// `Less` compares IDs.
template <class Less = std::less<>>
class BasicReceiptedFiles {
 public:
  // One that is there stays as it is.
  void add(Receipted one) {
    const std::string id = one.id;
    if (files_.try_emplace(id, Entry{std::move(one), 0}).second) due_.insert({0, id});
  }
  bool contains(const std::string& id) const { return files_.contains(id); }
  Receipted* find(const std::string& id) {
    const auto found = files_.find(id);
    return found == files_.end() ? nullptr : &found->second.file;
  }
  // The IDs of those that are to be removed now, the new ones first.
  std::vector<std::string> due(std::uint64_t now_ns, std::size_t max) const {
    std::vector<std::string> ids;
    for (auto at = due_.begin(); at != due_.end() && at->first <= now_ns && ids.size() < max; ++at)
      ids.push_back(at->second);
    return ids;
  }
  // When the next removal that failed is due.
  std::uint64_t next_due_ns() const {
    return due_.empty() ? std::numeric_limits<std::uint64_t>::max() : due_.begin()->first;
  }
  // Whether there are some whose removal was not tried yet.
  bool has_new() const { return !due_.empty() && due_.begin()->first == 0; }
  void put_off(const std::string& id, std::uint64_t until_ns) {
    const auto found = files_.find(id);
    if (found == files_.end()) return;
    due_.erase({found->second.due_ns, id});
    found->second.due_ns = until_ns;
    due_.insert({until_ns, id});
  }
  void remove(const std::string& id) {
    const auto found = files_.find(id);
    if (found == files_.end()) return;
    due_.erase({found->second.due_ns, id});
    files_.erase(found);
  }
  bool empty() const { return files_.empty(); }
  void for_each(const std::function<void(const Receipted&)>& each) const {
    for (const auto& [id, entry] : files_) each(entry.file);
  }

 private:
  struct Entry {
    Receipted file;
    std::uint64_t due_ns = 0;  // 0: its removal was not tried yet
  };
  struct Earlier {
    bool operator()(const std::pair<std::uint64_t, std::string>& a,
                    const std::pair<std::uint64_t, std::string>& b) const {
      return a.first != b.first ? a.first < b.first : Less()(a.second, b.second);
    }
  };
  std::map<std::string, Entry, Less> files_;
  std::set<std::pair<std::uint64_t, std::string>, Earlier> due_;
};
using ReceiptedFiles = BasicReceiptedFiles<>;

}  // namespace paxect::carrier
