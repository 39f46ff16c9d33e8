// The key that manifests are signed with, and where it comes from.
//
// What the configuration holds as plain text, the host holds too: that is what `file:` and `credential:` are
// for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace paxect::link {

class HmacKey {
 public:
  // From a setting: the text itself, `hex:DIGITS`, `file:PATH`, or `credential:NAME`, a file of systemd's
  // LoadCredential. "" is no key. The message of a failure never contains the key.
  Status set(const std::string& setting);
  // Reads a key that comes from a file again, and reports whether it is another one. After a failure the
  // previous key stays.
  Status reload(bool* changed);

  // Whether this setting is the key itself rather than the place where it is stored.
  static bool is_plain(std::string_view setting);

  bool has_value() const { return secret_.has_value(); }
  std::optional<std::string_view> bytes() const {
    return secret_ ? std::optional(secret_->view()) : std::nullopt;
  }
  // The file it comes from, "" for none.
  const std::string& path() const { return path_; }
  // Whether it is a credential, and this is no service of systemd's that could have it: there is no key then.
  bool is_of_a_service() const { return of_a_service_; }
  // Whether every user of this machine may read that file.
  bool is_open_to_all() const;

 private:
  std::string path_;
  bool of_a_service_ = false;
  std::optional<Secret> secret_;
};

}  // namespace paxect::link
