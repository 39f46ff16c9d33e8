#include "stages/gate.h"

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::string_view kContainerSuffix = ".freq";

}  // namespace

std::string block_reason(const Policy& policy, Mode mode, std::string_view node,
                         std::string_view rejected_sender, std::string_view name, std::uint64_t size) {
  if (std::string reason = policy.node_block(node); !reason.empty()) return reason;
  std::string_view suffix = suffix_of(name);
  bool container = is_container(name);
  std::string reason = policy.suffix_block(suffix);
  if (is_sidecar(name) || (mode == Mode::kReceive && !container))
    reason = "disallowed_suffix:" + std::string(suffix);
  // It would stay in the inbox as a container that may not pass.
  if (reason.empty() && mode == Mode::kRelay && !container) reason = policy.suffix_block(kContainerSuffix);
  if (!reason.empty()) return reason;
  // Without signed lists a container does not say who made it: any of them may be this peer's.
  if (container && policy.require_sig && !rejected_sender.empty())
    return "rejected_peer:" + std::string(rejected_sender);
  return container ? policy.container_size_block(size) : policy.size_block(size);
}

std::string policy_conflict(const Policy& policy, Mode mode) {
  if (mode == Mode::kSend || policy.suffix_block(kContainerSuffix).empty()) return "";
  return "mode " + std::string(name_of(mode)) + " delivers nothing without containers: add \"" +
         std::string(kContainerSuffix) + "\" to allowed_suffixes";
}

std::string remedy_of(std::string_view reason, Mode mode, const std::string& policy) {
  std::size_t colon = reason.find(':');
  std::string_view what = reason.substr(0, colon);
  std::string_view about = colon == std::string_view::npos ? "" : reason.substr(colon + 1);
  auto to_list = [&](const char* key) {
    return "add \"" + std::string(about) + "\" to " + key + " in " + policy;
  };
  if (what == "untrusted_node") return to_list("trusted_nodes");
  if (what == "rejected_peer" && about == kManifestFolder)
    return "let the relay read the folder of the manifest";
  if (what == "rejected_peer" && is_manifest(about))
    return "make " + std::string(about) + " a manifest that can be read, or remove it";
  if (what == "rejected_peer")
    return "give " + std::string(about) + " and this relay the same hmac_key, or remove its manifest";
  if (what == "unlisted" || what == "replayed")
    return "a list that names it may be on its way; it is quarantined when none comes";
  if (what == "file_too_large") return "raise max_file_mb in " + policy;
  if (what == "ignored_container") return "change the setting ignore, which matches the container";
  if (what == "name_too_long") return "give it a shorter name";
  if (what != "disallowed_suffix") return "";
  if (is_sidecar("x.freq" + std::string(about)))
    return "a sidecar passes with its container alone: bring that, or remove this";
  if (mode == Mode::kReceive && !is_container("x" + std::string(about)))
    return "mode receive takes containers alone: send it from a relay with mode send, or set mode relay";
  if (about.empty()) return "give it an allowed suffix, or add \"\" to allowed_suffixes in " + policy;
  return to_list("allowed_suffixes");
}

}  // namespace paxect::link
