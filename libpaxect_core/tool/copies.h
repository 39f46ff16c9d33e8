// The damaged copies of a container that the commands salvage and repair were given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command.h"
#include "descriptor.h"
#include "file_identity.h"

namespace paxect::tool {

// Open as long as the object exists.
class Copies {
 public:
  // Opens each file, "-" being standard input, and gives it to `add`, whose first failure it returns.
  Outcome open(const std::vector<std::string>& names,
               const std::function<Outcome(int fd, const std::string& name)>& add);
  std::vector<core::FileIdentity> identities() const;
  const std::vector<core::Descriptor>& files() const { return files_; }

 private:
  std::vector<core::Descriptor> files_;
};

// Compares them with the container that is made from them.
class CopyComparison {
 public:
  // `copies` must live as long as the comparison.
  explicit CopyComparison(const Copies& copies);

  // The next bytes of the container.
  void take(std::span<const char> bytes);
  // The same as a paxect_sink, whose `opaque` is the comparison.
  static std::int32_t sink(void* opaque, const void* data, std::size_t size);
  // The bytes of a file that has been written.
  void take_file(const std::string& path);
  // Once all of it was taken: the number of the first copy that is the container, byte for byte.
  std::optional<std::size_t> whole_copy() const;

 private:
  const Copies& copies_;
  std::vector<std::size_t> same_;  // numbers of the copies that have been the same so far
  std::uint64_t offset_ = 0;
};

// The sum of their sizes.
std::uint64_t total_size(const std::vector<std::string>& files);

}  // namespace paxect::tool
