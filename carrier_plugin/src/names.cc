#include "names.h"

#include <algorithm>

#include "digest.h"

namespace paxect::carrier {
namespace {

constexpr std::string_view kPrefix = ".paxect-carrier-";
constexpr std::string_view kSuffix = ".part";
constexpr std::string_view kSidecarSuffix = "-s.part";
constexpr std::string_view kWitnessSuffix = "-n.part";
constexpr std::string_view kLeaving = ".paxect-leaving.";
constexpr std::size_t kNameMax = 255;
constexpr std::size_t kPathMax = 4095;
constexpr std::size_t kIdSize = 32;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string beside(std::string_view path, const std::string& name) { return join(folder_of(path), name); }

bool is_never_sent(const std::string& name) {
  return name.empty() || name.front() == '.' || name.ends_with(".part") || name.ends_with(".tmp");
}

}  // namespace

std::string folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? "" : path.substr(0, slash));
}

std::string base_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string join(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : std::string(folder) + "/" + std::string(name);
}

FileKind kind_of(std::string_view path) {
  const std::string name = lower(base_of(path));
  if (is_never_sent(name)) return FileKind::kNever;
  if (name.ends_with(".freq")) return FileKind::kContainer;
  if (name.ends_with(".freq.sha256")) return FileKind::kSidecar;
  for (const char* suffix : {".list", ".receipt", ".list.minisig", ".receipt.minisig"})
    if (name.ends_with(suffix)) return FileKind::kStatement;
  return FileKind::kOther;
}

bool is_valid_path(std::string_view path) {
  if (path.empty() || path.size() > kPathMax || path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part.size() > kNameMax || part.front() == '.') return false;
    begin = end + 1;
  }
  return !is_never_sent(lower(base_of(path)));
}

std::string sidecar_of(std::string_view container) { return std::string(container) + ".sha256"; }

std::string container_of(std::string_view sidecar) {
  return std::string(sidecar.substr(0, sidecar.size() - sidecar_of("").size()));
}

std::string temporary_of(std::string_view path, std::string_view id) {
  return beside(path, std::string(kPrefix) + std::string(id) + std::string(kSuffix));
}

std::string sidecar_temporary_of(std::string_view path, std::string_view id) {
  return beside(path, std::string(kPrefix) + std::string(id) + std::string(kSidecarSuffix));
}

std::string witness_of(std::string_view path, std::string_view id) {
  return beside(path, std::string(kPrefix) + std::string(id) + std::string(kWitnessSuffix));
}

bool is_temporary(std::string_view name, std::string* id) {
  if (!name.starts_with(kPrefix)) return false;
  const std::string_view rest = name.substr(kPrefix.size());
  if (rest.size() < kIdSize || !is_hex(rest.substr(0, kIdSize), kIdSize)) return false;
  *id = rest.substr(0, kIdSize);
  const std::string_view suffix = rest.substr(kIdSize);
  return suffix == kSuffix || suffix == kSidecarSuffix || suffix == kWitnessSuffix;
}

std::string leaving_of(std::string_view name) {
  return kLeaving.size() + name.size() > kNameMax ? "" : std::string(kLeaving) + std::string(name);
}

std::string name_of_leaving(std::string_view hidden) {
  return std::string(hidden.starts_with(kLeaving) ? hidden.substr(kLeaving.size()) : "");
}

std::string conflict_of(std::string_view path, std::string_view digits) {
  constexpr std::size_t kRoom = kNameMax - 7;  // for ".sha256"
  const std::string name = base_of(path);
  const std::size_t dot = std::min(name.rfind('.'), name.size());
  const std::string suffix = dot == 0 ? "" : name.substr(dot);
  const std::string tail = "." + std::string(digits) + suffix;
  std::size_t keep = std::min(dot == 0 ? name.size() : dot, kRoom - std::min(kRoom, tail.size()));
  while (keep > 1 && keep < name.size() && (static_cast<unsigned char>(name[keep]) & 0xc0U) == 0x80U) --keep;
  return beside(path, name.substr(0, keep) + tail);
}

std::string kind_of_subject(std::string_view subject) {
  const int dots = subject.starts_with("$JS.API.") ? 4 : 2;
  std::size_t end = 0;
  for (int i = 0; i < dots && end != std::string_view::npos; ++i)
    end = subject.find('.', end + (i > 0 ? 1 : 0));
  return std::string(end == std::string_view::npos ? subject : subject.substr(0, end + 1));
}

std::string id_of_subject(std::string_view subject) {
  const std::size_t dot = subject.rfind('.');
  return std::string(dot == std::string_view::npos ? subject : subject.substr(dot + 1));
}

}  // namespace paxect::carrier
