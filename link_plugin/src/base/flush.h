// How link makes the files of a batch durable: contents and names.
//
// A few files are flushed one by one. Many on one file system are flushed by one syncfs(2), where the kernel
// itself carries that out: it writes the same blocks, but closes the file system's journal once. It also
// waits for what other programs wrote there, which is why it takes many files to be worth it. Where it fails,
// and on every other file system, each file is flushed by itself.
//
// Safe for several threads.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

// The maximum number of files of one file system that are flushed one by one.
inline constexpr std::size_t kMaxSingleFlushes = 16;

struct Unflushed {
  int fd = -1;
  const Directory* directory = nullptr;  // which has its name
  std::string path;                      // for messages
};

enum class FlushWay { kEach, kFileSystem };

// The outcome of each file, in their order. `*way`, when asked for, receives kFileSystem if one flush stood
// for many files.
std::vector<Status> flush_files(std::span<const Unflushed> files, FlushWay* way = nullptr);

}  // namespace paxect::link
