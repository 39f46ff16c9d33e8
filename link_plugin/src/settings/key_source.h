// Where a key comes from, by its setting: `file:PATH`, or `credential:NAME`, a file of systemd's
// LoadCredential.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace paxect::link {

struct KeySource {
  std::string path = {};  // of its file; "" where the setting is neither of the two
  bool is_credential = false;
  // Whether it is a credential, and this is no service of systemd's that could have it: there is no key then.
  bool is_of_a_service = false;
};

// Whether a setting names a place rather than being the key itself.
bool names_key_source(std::string_view setting);
// Requires: names_key_source(). `out` is set as far as possible after a failure, too.
Status find_key_source(std::string_view setting, KeySource* out);

}  // namespace paxect::link
