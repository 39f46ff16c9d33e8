#include "stages/trust.h"

#include <checked_json.h>
#include <sodium.h>

#include "base/canonical_json.h"
#include "base/digest.h"
#include "base/printable.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::size_t kManifestLimit = std::size_t{1} << 20;

bool is_signature(const JsonNode* node, const std::string& expected) {
  return node != nullptr && node->type == JsonNode::Type::kString && node->text.size() == expected.size() &&
         sodium_memcmp(node->text.data(), expected.data(), expected.size()) == 0;
}

std::string text_member(const JsonNode& payload, std::string_view name) {
  const JsonNode* found = payload.find(name);
  return found != nullptr && found->type == JsonNode::Type::kString ? found->text : "";
}

bool is_missing(const JsonNode* signature) {
  return signature == nullptr || signature->type == JsonNode::Type::kNull ||
         (signature->type == JsonNode::Type::kString && signature->text.empty());
}

}  // namespace

std::string_view name_of(PeerState state) {
  switch (state) {
    case PeerState::kSigned:
      return "signed";
    case PeerState::kUnsigned:
      return "unsigned";
    case PeerState::kUnverified:
      return "unverified";
    case PeerState::kRejected:
      return "rejected";
    case PeerState::kUnreadable:
      break;
  }
  return "unreadable";
}

std::string hmac_sha256_hex(std::string_view text, std::string_view key) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()), key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  Digest mac{};
  crypto_auth_hmacsha256_final(&state, mac.data());
  sodium_memzero(&state, sizeof state);
  return hex(mac);
}

Peer judge_manifest(std::string_view text, std::optional<std::string_view> key, bool require_sig) {
  JsonNode root;
  Peer peer;
  if (Status status = parse_json(text, &root); !status.ok()) {
    peer.reason = status.message;
    return peer;
  }
  const JsonNode* payload = root.find("payload");
  if (payload == nullptr || payload->type != JsonNode::Type::kObject) {
    peer.reason = "no payload object";
    return peer;
  }
  const JsonNode* node = payload->find("node");
  if (node == nullptr || node->type != JsonNode::Type::kString) {
    peer.reason = "no node name in the payload";
    return peer;
  }
  peer.node = node->text;
  peer.outbox = text_member(*payload, "outbox");
  peer.outbox_place = text_member(*payload, "outbox_place");
  const JsonNode* signature = root.find("hmac_sha256");
  bool missing = is_missing(signature);
  if (missing && !require_sig) {
    peer.state = PeerState::kUnsigned;
  } else if (!key) {
    peer.state = require_sig ? PeerState::kRejected : PeerState::kUnverified;
    if (require_sig) peer.reason = "bad_sig";
  } else if (is_signature(signature, hmac_sha256_hex(canonical_json(*payload), *key))) {
    peer.state = PeerState::kSigned;
  } else {
    peer.state = PeerState::kRejected;
    peer.reason = "bad_sig";
  }
  return peer;
}

std::string manifest_text(const std::map<std::string, std::string>& payload,
                          std::optional<std::string_view> key) {
  JsonNode node{JsonNode::Type::kObject, "", {}};
  json::StringBuffer buffer;
  json::PrettyWriter writer(buffer);
  writer.SetIndent(' ', 2);
  auto write = [&](const std::string& text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  };
  writer.StartObject();
  writer.Key("payload");
  writer.StartObject();
  for (const auto& [name, value] : payload) {
    std::string safe = printable(value);
    node.children.push_back({name, {JsonNode::Type::kString, safe, {}}});
    write(name);
    write(safe);
  }
  writer.EndObject();
  writer.Key("hmac_sha256");
  write(key ? hmac_sha256_hex(canonical_json(node), *key) : "");
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

Status PeerTable::refresh(const std::string& own, std::optional<std::string_view> key, bool require_sig,
                          const Changed& changed) {
  require_sig_ = require_sig;
  Directory directory;
  if (Status status = Directory::open(directory_name(own), &directory); !status.ok()) return status;
  std::map<std::string, Known> now;
  Status status = directory.list([&](const char* entry) {
    std::string name = entry;
    if (name == base_name(own) || !is_manifest(name)) return true;
    FileStat observed = directory.stat_of(name);
    if (observed.kind == FileKind::kMissing) return true;
    auto before = known_.find(name);
    const bool is_regular = observed.kind == FileKind::kRegular;
    // What failed to be read may succeed the next time without another identity.
    if (before != known_.end() && is_regular && before->second.is_read &&
        before->second.identity == observed.identity) {
      now[name] = before->second;
      return true;
    }
    std::string text;
    Status read = is_regular ? directory.read_small(name, kManifestLimit, &text)
                             : Status::invalid("it is no regular file");
    if (read.fault == Fault::kGone) return true;
    Peer peer;
    peer.reason = read.message;
    if (read.ok()) peer = judge_manifest(text, key, require_sig);
    if (peer.state == PeerState::kUnreadable && before != known_.end()) {
      peer.outbox = before->second.peer.outbox;
      peer.outbox_place = before->second.peer.outbox_place;
    }
    now[name] = {.identity = observed.identity, .is_read = read.ok(), .peer = peer};
    if (before == known_.end() || before->second.peer != peer) changed(directory.path_of(name), peer);
    return true;
  });
  if (status.ok()) known_ = std::move(now);
  is_listed_ = is_listed_ || status.ok();
  return status;
}

void PeerTable::judge_again() {
  for (auto& [file, known] : known_) known.identity = {};
}

std::string PeerTable::rejected_sender(const std::string& inbox, const std::string& token) const {
  const std::string shown = printable(inbox);
  if (require_sig_ && !is_listed_) return kManifestFolder;
  for (const auto& [file, known] : known_) {
    const Peer& peer = known.peer;
    const bool is_unreadable = require_sig_ && peer.state == PeerState::kUnreadable;
    if (is_unreadable && peer.outbox.empty() && peer.outbox_place.empty()) return file;
    if (peer.state != PeerState::kRejected && !is_unreadable) continue;
    if ((!token.empty() && peer.outbox_place == token) || peer.outbox == shown)
      return peer.node.empty() ? file : peer.node;
  }
  return "";
}

std::map<std::string_view, std::uint64_t> PeerTable::counts() const {
  std::map<std::string_view, std::uint64_t> counts;
  for (PeerState state : {PeerState::kSigned, PeerState::kUnsigned, PeerState::kUnverified,
                          PeerState::kRejected, PeerState::kUnreadable})
    counts[name_of(state)] = 0;
  for (const auto& [file, known] : known_) ++counts[name_of(known.peer.state)];
  return counts;
}

}  // namespace paxect::link
