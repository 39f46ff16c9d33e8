#include "records/source_table.h"

namespace paxect::link {

SourceMatch match_source(const FileIdentity& remembered, const FileIdentity& found) {
  if (remembered.same_but_device(found)) return SourceMatch::kSame;
  bool similar = remembered.size == found.size && remembered.mtime_ns == found.mtime_ns;
  return similar ? SourceMatch::kPerhaps : SourceMatch::kOther;
}

const SourceRecord* SourceTable::find(const std::string& place, const std::string& path) const {
  const Records& records = of(place);
  auto found = records.find(path);
  return found == records.end() ? nullptr : &found->second;
}

void SourceTable::erase(const std::string& place, const std::string& path) {
  if (auto found = places_.find(place); found != places_.end()) found->second.erase(path);
}

void SourceTable::erase_if(const std::string& place,
                           const std::function<bool(const std::string& path, const SourceRecord&)>& is_over) {
  auto found = places_.find(place);
  if (found == places_.end()) return;
  std::erase_if(found->second, [&](const auto& entry) { return is_over(entry.first, entry.second); });
}

const SourceTable::Records& SourceTable::of(const std::string& place) const {
  static const Records kNone;
  auto found = places_.find(place);
  return found == places_.end() ? kNone : found->second;
}

std::size_t SourceTable::size() const {
  std::size_t size = 0;
  for (const auto& [place, records] : places_) size += records.size();
  return size;
}

}  // namespace paxect::link
