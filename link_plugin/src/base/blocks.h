// The one loop over the contents of a file. It asks before each block whether to stop, which is also the
// sign of life that a watchdog waits for: a file of any size holds up neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace paxect::link {

class Directory;

// Whether to give up. Called from the thread that works.
using Stop = std::function<bool()>;
using TakeBlock = std::function<Status(const void* data, std::size_t size)>;

// Hands the first `size` bytes of a file, or as many as it has, to `take` block by block; a file that grows
// as fast as it is read has no other end. Does not move the position of `fd`. `path` is for messages.
// kStopped when `stop` says so; a failure of `take` ends it too.
Status each_block(int fd, const std::string& path, std::uint64_t size, const Stop& stop,
                  const TakeBlock& take);

// Size and hexadecimal SHA-256 of what a descriptor holds now.
Status measure(int fd, const std::string& path, const Stop& stop, std::uint64_t* size, std::string* digest);
// Hexadecimal SHA-256 of the regular file `name`.
Status digest_of(const Directory& directory, const std::string& name, const Stop& stop, std::string* digest);

}  // namespace paxect::link
