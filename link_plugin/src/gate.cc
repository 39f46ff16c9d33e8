#include "gate.h"

#include "relay_paths.h"

namespace paxect::link {

std::string block_reason(const Policy& policy, Mode mode, std::string_view node, std::string_view name,
                         std::uint64_t size) {
  if (std::string reason = policy.node_block(node); !reason.empty()) return reason;
  std::string_view suffix = suffix_of(name);
  bool container = is_container(name);
  std::string reason = policy.suffix_block(suffix);
  if (is_sidecar(name) || (mode == Mode::kReceive && !container))
    reason = "disallowed_suffix:" + std::string(suffix);
  if (!reason.empty()) return reason;
  return container ? policy.container_size_block(size) : policy.size_block(size);
}

}  // namespace paxect::link
