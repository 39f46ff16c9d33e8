#include "relay/list_stream.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/statement.h"

namespace paxect::link {

bool ListStream::is_ours() const {
  const SentStream& stream = parts_.journal.sent();
  return stream.key == line_of(parts_.config.sign_key.key()->public_key()) &&
         stream.node == parts_.config.node;
}

void ListStream::give_up_numbers(std::uint64_t list) {
  used_number_ = std::max(used_number_, list);
  is_given_up_ = true;
}

Status ListStream::open(bool* is_new) {
  *is_new = false;
  const PublicKey& key = parts_.config.sign_key.key()->public_key();
  const SentStream& stream = parts_.journal.sent();
  std::shared_ptr<const Directory> folder;
  Status status = parts_.outbox.folder(kProofFolder, IfMissing::kFail, &folder);
  ShownLists shown;
  if (status.ok()) status = read_shown(*folder, parts_.config.node, stream, key, &shown);
  if (!status.ok() && status.fault != Fault::kGone) return status;
  Directory also;
  if (!parts_.config.proof_also.empty() && Directory::open(parts_.config.proof_also, &also).ok())
    if (status = read_shown(also, parts_.config.node, stream, key, &shown); !status.ok()) return status;
  const std::string why = why_another(shown);
  if (why.empty()) return Status::success();
  status = begin_another(why, shown);
  *is_new = status.ok();
  return status;
}

// "" where the journal's stream goes on.
std::string ListStream::why_another(const ShownLists& shown) const {
  const SentStream& stream = parts_.journal.sent();
  if (stream.name.empty()) return "the journal knows none";
  if (stream.key != line_of(parts_.config.sign_key.key()->public_key())) return "sign_key is another key";
  if (stream.node != parts_.config.node) return "node is another name";
  if (stream.is_doubtful) return "the journal was damaged";
  if (used_number_ > 0)
    return "a receipt is about another list " + std::to_string(used_number_) + ": the journal was put back";
  if (is_given_up_) return "another text has the name of its list " + std::to_string(stream.next - 1);
  if (shown.stream != stream.name) return "";
  if (shown.number >= stream.next) return "the journal is older than list " + std::to_string(shown.number);
  if (shown.number + 1 == stream.next && shown.digest != stream.previous)
    return "the journal knows another list " + std::to_string(shown.number);
  return "";
}

// What the receivers have of the old stream is not what the journal says, so nobody confirms these.
void ListStream::relist(const std::string& stream) {
  std::vector<SentStream::EntryNumber> numbers;
  for (const auto& [number, source] : parts_.journal.sent().kept())
    if (number.first == stream) numbers.push_back(number);
  parts_.journal.relist(numbers);
}

void ListStream::find_named() {
  Directory also;
  std::shared_ptr<const Directory> folder;
  std::vector<const Directory*> open;
  if (parts_.outbox.folder(kProofFolder, IfMissing::kFail, &folder).ok()) open.push_back(folder.get());
  if (!parts_.config.proof_also.empty() && Directory::open(parts_.config.proof_also, &also).ok())
    open.push_back(&also);
  const SentStream& stream = parts_.journal.sent();
  std::vector<std::uint64_t> named;
  for (const SentList& list : stream.lists())
    for (const Directory* each : open) {
      std::string text;
      if (!list.is_named &&
          each->read_small(list_of(stream.node, stream.name, list.number), kMaxStatementSize, &text).ok() &&
          sha256_hex(text) == list.digest)
        named.push_back(list.number);
    }
  for (const std::uint64_t number : named) parts_.journal.note_named(number);
}

Status ListStream::begin_another(const std::string& why, const ShownLists& shown) {
  const SentStream& stream = parts_.journal.sent();
  std::optional<Continued> continues;
  if (stream.name.empty()) {
    if (shown.number > 0) continues = Continued{shown.stream, shown.number};
  } else {
    // A list that never got its name is not to be waited for.
    const std::uint64_t known = std::max(stream.named().lists, used_number_);
    const std::uint64_t number = shown.stream == stream.name ? std::max(known, shown.number) : known;
    continues = number == 0 ? stream.continues : Continued{stream.name, number};
  }
  parts_.journal.forget_unlisted(shown.entries);
  const std::string old = stream.name;
  const std::string name = make_stream();
  const std::string key = line_of(parts_.config.sign_key.key()->public_key());
  Status status = parts_.journal.begin_stream(name, key, parts_.config.node, continues);
  if (!status.ok()) return status;
  is_given_up_ = false;
  if (std::exchange(used_number_, 0) > 0) relist(old);
  const std::string before =
      continues ? "; it continues " + continues->stream + " " + std::to_string(continues->number) : "";
  parts_.reporter.log({.level = continues ? Level::kWarn : Level::kInfo,
                       .name = "list_stream",
                       .target = parts_.outbox.root().path_of(kProofFolder),
                       .status = "ok",
                       .message = "a new stream of lists begins: " + why + before,
                       .texts = {{"stream", name}}});
  return status;
}

}  // namespace paxect::link
