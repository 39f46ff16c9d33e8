// The secret key of this node, from the setting `sign_key`.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "proof/key.h"

namespace paxect::link {

class SignKey {
 public:
  // From a setting: `file:PATH` or `credential:NAME`. "" is no key. A file that anyone but its owner can read
  // is refused. The message of a failure never contains the key.
  Status set(const std::string& setting);

  const std::optional<SigningKey>& key() const { return key_; }
  // As of KeySource.
  bool is_of_a_service() const { return of_a_service_; }

 private:
  std::optional<SigningKey> key_;
  bool of_a_service_ = false;
};

}  // namespace paxect::link
