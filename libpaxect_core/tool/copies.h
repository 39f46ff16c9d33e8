// The damaged copies of a container that the commands salvage and repair were given.
#pragma once

#include <functional>
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

 private:
  std::vector<core::Descriptor> files_;
};

// The sum of their sizes.
std::uint64_t total_size(const std::vector<std::string>& files);

}  // namespace paxect::tool
