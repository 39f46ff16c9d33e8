#include "commands/waiting_lists.h"

#include <algorithm>

#include "base/digest.h"
#include "base/filesystem.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "commands/relay_context.h"
#include "proof/signature.h"
#include "records/stream_state.h"

namespace paxect::link {
namespace {

// Whether the relay has taken a list with this number; `is_it` says of which streams it counts.
template <class IsIt>
bool was_taken(const ReceivedStreams& received, const StatementName& name, const IsIt& is_it) {
  return std::any_of(received.streams().begin(), received.streams().end(), [&](const ReceivedStream& stream) {
    return stream.address.node == name.node && stream.address.stream == name.stream && is_it(stream);
  });
}

// "" for one that was taken or is for others.
std::string state_of(const std::string& text, const std::string& signature, const StatementName& name,
                     const LinkConfig& config, const ReceivedStreams& received,
                     const std::vector<NodeKey>& keys, std::string* why) {
  List list;
  PublicKey key;
  const Status status = check_list(name, text, signature, keys, config.node, &list, &key);
  if (status.event == "list_ignored") return "";
  *why = status.message;
  if (!status.ok()) return "refused";
  const StreamAddress address{list.head.from, whole_key_text(key), list.head.stream};
  switch (received.judge(address, list, sha256_hex(text), config.max_jump, why)) {
    case ReceivedStreams::Verdict::kKnown:
      return "";
    case ReceivedStreams::Verdict::kForked:
      return "forked";
    case ReceivedStreams::Verdict::kJumped:
      return "jumped";
    case ReceivedStreams::Verdict::kFull:
      return "waiting";
    case ReceivedStreams::Verdict::kNew:
      break;
  }
  *why = "no relay has read it yet";
  return "waiting";
}

}  // namespace

Status find_waiting_lists(const LinkConfig& config, const std::vector<KnownPlace>& places,
                          const ReceivedStreams& received, const std::vector<NodeKey>& keys,
                          std::vector<WaitingList>* out) {
  out->clear();
  if (Status status = check_inbox(config, places); !status.ok()) return status;
  const std::string path = join(config.inbox, kProofFolder);
  if (is_absent(path)) return Status::success();
  Directory folder;
  Status status = Directory::open(path, &folder);
  if (!status.ok())
    status.message += ": nothing is known of the lists in it: let this user read it";
  else
    status = folder.list([&](const char* entry) {
      StatementName name;
      if (!parse_statement_name(entry, &name) || name.kind != StatementKind::kList || name.is_signature)
        return true;
      WaitingList found{.path = folder.path_of(entry), .sender = name.node, .number = name.number};
      std::string text;
      std::string signature;
      const auto has_number = [&](const ReceivedStream& stream) { return stream.is_in_run(name.number); };
      const bool is_known = was_taken(received, name, has_number);
      // The signature first: the text may be large, and anybody's. That of a list that was taken may be gone.
      Status read;
      if (!is_known) read = folder.read_small(signature_of(entry), kMaxSignatureSize, &signature);
      if (!is_known && read.ok()) read = check_list_signature(name, signature, keys);
      if (read.ok()) {
        read = folder.read_small(entry, kMaxStatementSize, &text);
        if (read.fault == Fault::kGone) return true;
      }
      // Also one too long ago to compare.
      const auto is_same = [&](const ReceivedStream& stream) {
        return stream.has(name.number, sha256_hex(text)) || stream.is_beyond(name.number);
      };
      if (read.ok() && was_taken(received, name, is_same)) return true;
      if (is_known && read.ok()) read = folder.read_small(signature_of(entry), kMaxSignatureSize, &signature);
      if (read.ok()) {
        found.state = state_of(text, signature, name, config, received, keys, &found.why);
      } else {
        found.state = "refused";
        found.why = read.message;
      }
      // What nobody signed takes nothing away from the one that was taken, and of one that was written off
      // nobody waits for the right one.
      const auto is_settled = [&](const ReceivedStream& stream) {
        return stream.is_in_run(name.number) || is_written_off(received, stream, name.number);
      };
      if (found.state == "refused" && was_taken(received, name, is_settled)) return true;
      if (!found.state.empty()) out->push_back(std::move(found));
      return true;
    });
  std::sort(out->begin(), out->end(),
            [](const WaitingList& one, const WaitingList& other) { return one.path < other.path; });
  return status;
}

}  // namespace paxect::link
