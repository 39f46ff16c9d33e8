#include "base/flush.h"

#include <map>

#include "base/file_system_type.h"
#include "base/side_by_side.h"

namespace paxect::link {
namespace {

// Whether one flush was carried out for all files of its file system; its outcome is theirs.
bool flush_file_system(const Directory& directory, Status* status) {
  std::uint64_t magic = 0;
  if (!file_system_magic(directory.fd(), &magic) || !is_synced_by_kernel(magic)) return false;
  bool refused = false;
  *status = directory.sync_file_system(&refused);
  return !refused;
}

}  // namespace

std::vector<Status> flush_files(std::span<const Unflushed> files, FlushWay* way) {
  std::map<std::uint64_t, std::vector<std::size_t>> by_device;
  for (std::size_t i = 0; i < files.size(); ++i) by_device[files[i].directory->device()].push_back(i);
  std::vector<Status> results(files.size());
  std::vector<std::size_t> single;
  for (const auto& [device, members] : by_device) {
    Status together;
    if (members.size() > kMaxSingleFlushes &&
        flush_file_system(*files[members.front()].directory, &together)) {
      if (way != nullptr) *way = FlushWay::kFileSystem;
      for (std::size_t i : members) results[i] = together;
    } else {
      single.insert(single.end(), members.begin(), members.end());
    }
  }
  auto flush = [&](std::size_t, std::size_t i) {
    const Unflushed& file = files[single[i]];
    results[single[i]] = sync_file(file.fd, file.path);
  };
  // All of them are on their way to the disk before the first flush: it then closes the file system's journal
  // for all, and the others find little left to do.
  const bool is_pair = single.size() == 2;
  if (is_pair)
    for (std::size_t i : single) start_writeback(files[i].fd, 0, 0);
  if (is_pair && files[single[0]].directory->is_local() && files[single[1]].directory->is_local()) {
    flush(0, 0);
    flush(0, 1);
  } else {
    side_by_side(single.size(), flush);
  }
  // On the usual file systems the flush of a file covers its name, but none of them guarantees it.
  std::map<const Directory*, Status> names;
  for (const Unflushed& file : files) {
    auto [entry, fresh] = names.try_emplace(file.directory);
    if (fresh) entry->second = file.directory->sync();
  }
  for (std::size_t i = 0; i < files.size(); ++i)
    if (results[i].ok()) results[i] = names[files[i].directory];
  return results;
}

}  // namespace paxect::link
