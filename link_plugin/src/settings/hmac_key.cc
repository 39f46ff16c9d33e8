#include "settings/hmac_key.h"

#include <sodium.h>
#include <sys/stat.h>

#include "base/filesystem.h"
#include "settings/key_source.h"

namespace paxect::link {
namespace {

constexpr std::string_view kHex = "hex:";
constexpr std::size_t kKeyFileLimit = 65536;

bool bytes_of_hex(std::string_view digits, std::string* out) {
  std::size_t size = 0;
  const char* end = nullptr;
  out->resize(digits.size() / 2);
  int failed = sodium_hex2bin(reinterpret_cast<unsigned char*>(out->data()), out->size(), digits.data(),
                              digits.size(), nullptr, &size, &end);
  return failed == 0 && end == digits.data() + digits.size() && size > 0;
}

Status read_key_file(const std::string& path, std::string* key) {
  // With room from the start: a string that grows leaves copies behind.
  key->reserve(kKeyFileLimit);
  if (Status status = read_file(path, kKeyFileLimit, key); !status.ok()) return status;
  if (key->ends_with('\n')) key->pop_back();
  if (key->ends_with('\r')) key->pop_back();
  if (key->empty())
    return Status::refused("key_error", path + ": the key file is empty: write the key into it");
  return Status::success();
}

}  // namespace

Status HmacKey::set(const std::string& setting) {
  Wiped key;
  path_.clear();
  of_a_service_ = false;
  secret_.reset();
  if (setting.empty()) return Status::success();
  if (setting.starts_with(kHex)) {
    if (!bytes_of_hex(std::string_view(setting).substr(kHex.size()), &key.text))
      return Status::invalid("not pairs of hexadecimal digits after 'hex:'");
  } else if (names_key_source(setting)) {
    KeySource source;
    Status status = find_key_source(setting, &source);
    of_a_service_ = source.is_of_a_service;
    if (!status.ok()) return status;
    path_ = source.path;
  } else {
    key.text = setting;
  }
  if (!path_.empty())
    if (Status status = read_key_file(path_, &key.text); !status.ok()) return status;
  secret_.emplace(key.text);
  return Status::success();
}

Status HmacKey::reload(bool* changed) {
  *changed = false;
  if (path_.empty()) return Status::success();
  Wiped key;
  if (Status status = read_key_file(path_, &key.text); !status.ok()) return status;
  *changed = bytes() != key.text;
  if (*changed) secret_.emplace(key.text);
  return Status::success();
}

bool HmacKey::is_plain(std::string_view setting) { return !setting.empty() && !names_key_source(setting); }

bool HmacKey::is_open_to_all() const {
  struct stat info {};
  return !path_.empty() && stat(path_.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

}  // namespace paxect::link
