#include "base/relay_paths.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <array>

#include "base/digest.h"

namespace paxect::link {
namespace {

constexpr std::string_view kContainer = ".freq";
constexpr std::string_view kSidecar = ".sha256";
constexpr std::string_view kPart = ".part";
constexpr std::size_t kShortestEnd = std::string_view(".YYYYMMDDTHHMMSSZ.jsonl").size();
constexpr std::size_t kDateDigits = std::string_view("YYYYMMDD").size();
constexpr std::string_view kDigits = "0123456789";
constexpr std::array<std::string_view, 6> kCompressed = {".gz", ".xz", ".zst", ".bz2", ".lz4", ".Z"};
constexpr std::string_view kPublicKey = ".pub";
constexpr std::string_view kRevoked = ".revoked";
constexpr std::string_view kRetired = ".retired";
constexpr std::string_view kProduct = ".paxect-";
constexpr std::size_t kShortToken = 16;
constexpr std::string_view kTombstone = ".paxect-leaving";
constexpr std::size_t kLongestSuffix = 32;  // a longer one is cut like the rest

// Whether the name ends with `end`, which is in lower case, in any ASCII case.
bool has_end(std::string_view name, std::string_view end) {
  if (name.size() < end.size()) return false;
  name.remove_prefix(name.size() - end.size());
  return std::equal(name.begin(), name.end(), end.begin(), [](char c, char lower) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == lower;
  });
}

// The same, and has something before it.
bool ends_with(std::string_view name, std::string_view end) {
  return name.size() > end.size() && has_end(name, end);
}

std::string operator+(std::string text, std::string_view more) {
  text += more;
  return text;
}

}  // namespace

bool is_never_taken(std::string_view name) {
  return name.empty() || name.front() == '.' || has_end(name, kPart) || has_end(name, ".tmp") ||
         name == kProofFolder;
}

bool is_container(std::string_view name) { return ends_with(name, kContainer); }

bool is_sidecar(std::string_view name) {
  return ends_with(name, kSidecar) && is_container(name.substr(0, name.size() - kSidecar.size()));
}

bool is_manifest(std::string_view name) {
  return name.starts_with("link_manifest") && name.ends_with(".json");
}

std::string_view suffix_of(std::string_view name) {
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return {};
  return name.substr(dot);
}

std::string container_of(std::string_view plain, Naming naming) {
  if (naming == Naming::kStem) plain.remove_suffix(suffix_of(plain).size());
  return std::string(plain) + kContainer;
}

std::string data_of(std::string_view container) {
  return std::string(container.substr(0, container.size() - kContainer.size()));
}

std::string sidecar_of(std::string_view container) { return std::string(container) + kSidecar; }

std::vector<std::string> sidecar_spellings(std::string_view container) {
  std::vector<std::string> names;
  for (unsigned upper = 0; upper < 8; ++upper) {
    // The letters of ".sha256" stand at 1, 2 and 3.
    std::string end(kSidecar);
    for (unsigned letter = 0; letter < 3; ++letter)
      if ((upper >> letter & 1) != 0) end[letter + 1] = static_cast<char>(end[letter + 1] - 'a' + 'A');
    names.push_back(std::string(container) + end);
  }
  return names;
}

std::string container_of_sidecar(std::string_view sidecar) {
  return std::string(sidecar.substr(0, sidecar.size() - kSidecar.size()));
}

std::string temporary_of(std::string_view name) {
  if (name.size() + 1 + kPart.size() <= kNameMax) return std::string(".") + name + kPart;
  return "." + sha256_hex(name).substr(0, 32) + std::string(kPart);
}

std::string_view short_token_of(std::string_view relay_token) { return relay_token.substr(0, kShortToken); }

std::string product_temporary_of(std::string_view relay_token, std::uint64_t id) {
  return std::string(kProduct) + short_token_of(relay_token) + "-" + std::to_string(id) + std::string(kPart);
}

std::string sidecar_temporary_of(std::string_view relay_token, std::uint64_t id) {
  return std::string(kProduct) + short_token_of(relay_token) + "-" + std::to_string(id) + "-s" +
         std::string(kPart);
}

bool is_product_temporary(std::string_view name, std::string_view relay_token, std::uint64_t* id) {
  if (!name.starts_with(kProduct)) return false;
  auto dash = name.find('-', kProduct.size());
  if (dash == std::string_view::npos) return false;
  std::string_view digits = name.substr(dash + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), *id).ec != std::errc()) return false;
  return name == product_temporary_of(relay_token, *id) || name == sidecar_temporary_of(relay_token, *id);
}

std::string tombstone_of(std::string_view name) {
  constexpr std::size_t kRoom = kNameMax - 1 - kTombstone.size();
  std::string left =
      name.size() <= kRoom ? std::string(name) : apart_of(name, sha256_hex(name).substr(0, 32), kRoom);
  return "." + left + kTombstone;
}

bool is_tombstone(std::string_view name) {
  return name.size() > 1 + kTombstone.size() && name.front() == '.' && name.ends_with(kTombstone);
}

std::string name_of_tombstone(std::string_view tombstone) {
  return std::string(tombstone.substr(1, tombstone.size() - 1 - kTombstone.size()));
}

std::string apart_of(std::string_view name, std::string_view digits, std::size_t longest) {
  // Still a sidecar, which nobody takes for a file of a producer.
  if (is_sidecar(name))
    return apart_of(container_of_sidecar(name), digits, longest) + name.substr(name.size() - kSidecar.size());
  if (is_container(name)) longest -= kSidecar.size();
  std::string_view suffix = suffix_of(name);
  if (suffix.size() > kLongestSuffix) suffix = {};
  std::string_view stem = name.substr(0, name.size() - suffix.size());
  return std::string(stem.substr(0, longest - suffix.size() - digits.size() - 1)) + "." + digits + suffix;
}

std::string conflict_of(std::string_view name, std::string_view digest_hex, std::size_t digits) {
  std::string_view end = is_container(name) ? name.substr(name.size() - kContainer.size()) : "";
  std::string_view stem = name.substr(0, name.size() - end.size());
  // A name that leaves no room for the digits is cut: the digits distinguish it.
  std::size_t room = kNameMax - end.size() - digits - 1 - (end.empty() ? 0 : kSidecar.size());
  return std::string(stem.substr(0, room)) + "." + digest_hex.substr(0, digits) + end;
}

std::string quarantined_of(std::string_view name, unsigned number) {
  // Cut, a name leaves room for what goes with it: reasons of long names would be one file, or their own.
  constexpr std::size_t kLongest = kNameMax - 24;
  if (number == 0 && name.size() <= kLongest) return std::string(name);
  return std::string(name.substr(0, kLongest)) + "." + std::to_string(number);
}

std::string reason_of(std::string_view quarantined) {
  return std::string(quarantined.substr(0, kNameMax - 12)) + ".reason.json";
}

std::string journal_of(std::string_view state) { return std::string(state) + ".journal"; }

std::string adopt_of(std::string_view state) { return std::string(state) + ".adopt"; }

std::string damaged_journal_of(std::string_view journal_path, std::string_view stamp) {
  return std::string(journal_path) + ".damaged-" + std::string(stamp);
}

std::string status_of(std::string_view state) { return std::string(state) + ".status.json"; }

std::string resend_of(std::string_view state) { return std::string(state) + ".resend"; }

std::string imported_receipts_of(std::string_view state) { return std::string(state) + ".receipts"; }

std::string rotated_log_of(std::string_view log_path, std::string_view stamp, unsigned number) {
  constexpr std::string_view kEnd = ".jsonl";
  std::string_view stem = log_path;
  if (stem.ends_with(kEnd)) stem.remove_suffix(kEnd.size());
  std::string middle = number == 0 ? "" : "." + std::to_string(number);
  return std::string(stem) + "." + stamp + middle + kEnd;
}

std::string default_quarantine_of(std::string_view inbox) { return std::string(inbox) + "/.quarantine"; }

bool is_compressed_log(std::string_view name) {
  return std::any_of(kCompressed.begin(), kCompressed.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

bool is_rotated_log(std::string_view name, std::string_view base) {
  if (is_compressed_log(name)) name.remove_suffix(name.size() - name.rfind('.'));
  if (name.starts_with(base) && name.size() > base.size() + 1) {
    const std::string_view rest = name.substr(base.size() + 1);
    const std::size_t digits = std::min(rest.find_first_not_of(kDigits), rest.size());
    return name[base.size()] == '-' ? digits >= kDateDigits
                                    : name[base.size()] == '.' && digits == rest.size();
  }
  std::string_view stem = base.ends_with(".jsonl") ? base.substr(0, base.size() - 6) : base;
  if (!name.starts_with(stem) || !name.ends_with(".jsonl")) return false;
  std::string_view middle = name.substr(stem.size());
  if (middle.size() < kShortestEnd || middle[0] != '.' || middle[9] != 'T' || middle[16] != 'Z') return false;
  for (std::size_t i = 1; i < 16; ++i)
    if (i != 9 && (middle[i] < '0' || middle[i] > '9')) return false;
  return true;
}

std::string public_key_of(std::string_view path) { return std::string(path) + std::string(kPublicKey); }

std::string pinned_of(std::string_view node, unsigned number) {
  return public_key_of(number == 0 ? std::string(node) : std::string(node) + "." + std::to_string(number));
}

std::string revoked_of(std::string_view file) { return std::string(file) + std::string(kRevoked); }

std::string_view name_of(PinState state) {
  if (state == PinState::kPinned) return "pinned";
  return state == PinState::kRetired ? "retired" : "revoked";
}

std::string retired_of(std::string_view file) { return std::string(file) + std::string(kRetired); }

std::string node_of_pinned(std::string_view name, PinState* state) {
  *state = PinState::kPinned;
  for (const auto& [suffix, each] : {std::pair{kRevoked, PinState::kRevoked}, {kRetired, PinState::kRetired}})
    if (name.ends_with(suffix)) {
      *state = each;
      name.remove_suffix(suffix.size());
      break;
    }
  if (!name.ends_with(kPublicKey) || name.starts_with('.')) return "";
  name.remove_suffix(kPublicKey.size());
  const std::size_t dot = name.rfind('.');
  if (dot != std::string_view::npos && dot + 1 < name.size() &&
      name.find_first_not_of("0123456789", dot + 1) == std::string_view::npos)
    name = name.substr(0, dot);
  return std::string(name);
}

std::string list_of(std::string_view node, std::string_view stream, std::uint64_t number) {
  return std::string(node) + "." + std::string(stream) + "." + std::to_string(number) + ".list";
}

std::string receipt_of(std::string_view node, std::string_view stream, std::uint64_t number) {
  return std::string(node) + "." + std::string(stream) + "." + std::to_string(number) + ".receipt";
}

std::string signature_of(std::string_view file) { return std::string(file) + ".minisig"; }

std::string join(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : std::string(folder) + "/" + name;
}

std::string_view base_name(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string directory_name(std::string_view path) {
  auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(slash == 0 ? path.substr(0, 1) : path.substr(0, slash));
}

std::string folder_of(std::string_view path) {
  auto slash = path.rfind('/');
  return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash));
}

bool is_within(std::string_view path, std::string_view directory) {
  if (directory.empty() || directory == "/") return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace paxect::link
