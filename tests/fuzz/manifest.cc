// Judges any bytes as a peer's manifest. Valid JSON has one canonical form, which parses to itself; the
// verdict is a valid one; and a manifest that we sign around the bytes is accepted with its key and with no
// other.
#include "base/canonical_json.h"
#include "fuzz.h"
#include "stages/trust.h"

namespace paxect::fuzz {
namespace {

void check_canonical(std::string_view text) {
  link::JsonNode root;
  if (link::Status status = link::parse_json(text, &root); !status.ok()) {
    FUZZ_REQUIRE(!status.message.empty());
    return;
  }
  const std::string canonical = link::canonical_json(root);
  for (char c : canonical) FUZZ_REQUIRE(c >= 0x20 && c < 0x7f);
  link::JsonNode again;
  FUZZ_REQUIRE(link::parse_json(canonical, &again).ok());
  FUZZ_REQUIRE(link::canonical_json(again) == canonical);
}

void check_verdicts(std::string_view text) {
  link::Peer open = link::judge_manifest(text, std::nullopt, false);
  link::Peer strict = link::judge_manifest(text, "key", true);
  bool readable = open.state != link::PeerState::kUnreadable;
  FUZZ_REQUIRE(readable == (strict.state != link::PeerState::kUnreadable));
  FUZZ_REQUIRE(readable || (!open.reason.empty() && open.node.empty()));
  FUZZ_REQUIRE(strict.state != link::PeerState::kUnsigned && strict.state != link::PeerState::kUnverified);
  FUZZ_REQUIRE(open.state != link::PeerState::kSigned && open.state != link::PeerState::kRejected);
}

void check_own(std::string_view text) {
  const std::string bytes(text);
  const std::string manifest = link::manifest_text({{"node", "us"}, {"inbox", bytes}}, "key");
  FUZZ_REQUIRE(link::judge_manifest(manifest, "key", true).state == link::PeerState::kSigned);
  FUZZ_REQUIRE(link::judge_manifest(manifest, "other", true).state == link::PeerState::kRejected);
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = paxect::fuzz::view(data, size);
  paxect::fuzz::check_canonical(text);
  paxect::fuzz::check_verdicts(text);
  paxect::fuzz::check_own(text);
  return 0;
}
