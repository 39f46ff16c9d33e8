#include "settings/key_source.h"

#include <cstdlib>

namespace paxect::link {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kCredential = "credential:";

bool is_credential_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && !name.starts_with('.');
}

}  // namespace

bool names_key_source(std::string_view setting) {
  return setting.starts_with(kFile) || setting.starts_with(kCredential);
}

Status find_key_source(std::string_view setting, KeySource* out) {
  *out = {};
  if (setting.starts_with(kFile)) {
    out->path = setting.substr(kFile.size());
    return out->path.empty() ? Status::invalid("no path after 'file:'") : Status::success();
  }
  const std::string name(setting.substr(kCredential.size()));
  if (!is_credential_name(name)) return Status::invalid("not the name of a credential after 'credential:'");
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  out->is_credential = true;
  out->is_of_a_service = directory == nullptr || *directory == '\0';
  if (out->is_of_a_service)
    return Status::invalid(
        "no CREDENTIALS_DIRECTORY: systemd sets it for a unit with LoadCredential=" + name + ":PATH");
  out->path = std::string(directory) + "/" + name;
  return Status::success();
}

}  // namespace paxect::link
