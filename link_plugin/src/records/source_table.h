// Files of the inbox that the journal knows, by place and path: sources that were delivered and are still
// there, and files whose delivery nobody can prove or rule out.
//
// Not for two threads at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "base/filesystem.h"

namespace paxect::link {

// Size and mtime identify a source, and where they agree the digest of its content. Inode and ctime are
// hints: while they agree too, nobody has to read it. Copied to another disk, mounted again or given another
// mode, a source has other hints and the same content. The device is not kept: it differs after a restart.
struct SourceRecord {
  FileIdentity identity = {};
  std::string digest = {};    // hexadecimal SHA-256 of its content; "" when unknown
  bool nested = false;        // its folder was on another file system than the inbox itself
  std::string original = {};  // SHA-256 of the container that was repaired from it; "" unless it was damaged
};

enum class SourceMatch {
  kSame,     // hints and all
  kPerhaps,  // the content decides
  kOther     // another file
};
SourceMatch match_source(const FileIdentity& remembered, const FileIdentity& found);

class SourceTable {
 public:
  using Records = std::unordered_map<std::string, SourceRecord>;  // by path in the inbox

  // NULL when there is none.
  const SourceRecord* find(const std::string& place, const std::string& path) const;
  void set(const std::string& place, const std::string& path, SourceRecord record) {
    places_[place][path] = std::move(record);
  }
  void erase(const std::string& place, const std::string& path);
  // Drops the records of one place of which `is_over` says so.
  void erase_if(const std::string& place,
                const std::function<bool(const std::string& path, const SourceRecord&)>& is_over);
  // Those of one place.
  const Records& of(const std::string& place) const;
  const std::map<std::string, Records>& places() const { return places_; }
  std::size_t size() const;

 private:
  std::map<std::string, Records> places_;
};

}  // namespace paxect::link
